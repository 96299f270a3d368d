import type { Origin } from '../model/source.ts';
import { parseEnv } from '../spec/dotenv.ts';
import { maxEnvBytes } from '../spec/text.ts';
import {
  child,
  type Entry,
  impliedMapping,
  type Mapping,
  type Scalar,
  type Tree,
  toValue,
  withEntries,
} from '../spec/tree.ts';
import type { Environment } from './environment.ts';
import { mapValues, replaceChild } from './key-only.ts';
import type { Loading } from './loading.ts';

/** Reads `env_file` into `environment` and `label_file` into `labels`: what the service itself says wins. */
export function foldFiles(model: Mapping, environment: Environment, loading: Loading): Mapping {
  const fold = (service: Tree): Tree => {
    if (service.kind !== 'mapping') return service;
    const withVariables = foldList(service, 'env_file', {
      into: 'environment',
      read: (file) => readEnv(file, service, { environment, loading }),
    });
    return foldList(withVariables, 'label_file', { into: 'labels', read: (file) => readLabels(file, loading) });
  };
  return replaceChild(model, 'services', (services) =>
    services.kind === 'mapping' ? mapValues(services, fold) : services,
  );
}

type Found = ReadonlyMap<string, { readonly value: string; readonly origin: Origin }>;
type Read = (file: Tree) => (earlier: (name: string) => string | undefined) => Found;

function foldList(
  service: Mapping,
  key: string,
  { into, read }: { readonly into: string; readonly read: Read },
): Mapping {
  const files = child(service, key);
  if (files?.kind !== 'sequence') return service;
  const together = new Map<string, { value: string; origin: Origin }>();
  for (const file of files.items) {
    for (const [name, entry] of read(file)((wanted) => together.get(wanted)?.value)) together.set(name, entry);
  }
  const own = child(service, into);
  const entries = new Map<string, Entry>();
  for (const [name, { value, origin }] of together) entries.set(name, entryOf(value, origin));
  for (const [name, entry] of own?.kind === 'mapping' ? own.entries : []) {
    const before = entries.get(name);
    entries.set(
      name,
      before === undefined
        ? entry
        : { key: entry.key, value: { ...entry.value, replaced: entry.value.replaced ?? before.value } },
    );
  }
  const folded: Mapping = own?.kind === 'mapping' ? { ...own, entries } : impliedMapping(service, entries);
  return withEntries(service, {
    [key]: undefined,
    [into]: entries.size === 0 && own === undefined ? undefined : folded,
  });
}

function entryOf(value: string, { file, range }: Origin): Entry {
  const place = { file, start: range.start, end: range.end };
  const scalar: Scalar = {
    kind: 'scalar',
    ...place,
    tag: undefined,
    replaced: undefined,
    implied: undefined,
    value,
    text: undefined,
    uses: undefined,
  };
  return { key: place, value: scalar };
}

const none: Found = new Map();

function readEnv(
  item: Tree,
  service: Mapping,
  { environment, loading }: { readonly environment: Environment; readonly loading: Loading },
): (earlier: (name: string) => string | undefined) => Found {
  return (earlier) => {
    const { report, sources } = loading;
    const at = child(item, 'path') ?? item;
    const format = child(item, 'format');
    const word = format === undefined ? '' : String(toValue(format));
    if (format !== undefined && word !== '' && word !== 'raw') {
      report.error('env-file', {
        summary: `"${word}" is not a format of env files`,
        at: format,
        notes: ['write raw, or leave it out'],
      });
      return none;
    }
    const path = String(toValue(at));
    const required = child(item, 'required');
    if (required !== undefined && toValue(required) === false && sources.kind(path) === 'missing') return none;
    const file = sources.text(path, {
      limit: maxEnvBytes,
      what: 'env file',
      at,
      missing: 'env-file',
      remedy: () => ['if it may be missing: env_file: [{ path: FILE, required: false }]'],
    });
    if (file === undefined) return none;
    const lookup = (name: string): string | undefined => {
      const own = child(child(service, 'environment'), name);
      const value = own === undefined ? undefined : toValue(own);
      return environment.value(name) ?? (typeof value === 'string' ? value : undefined);
    };
    return parseEnv(file, { lookup, earlier, format: word === 'raw' ? 'raw' : undefined }, report);
  };
}

function readLabels(item: Tree, { report, sources }: Loading): () => Found {
  return () => {
    const file = sources.text(String(toValue(item)), {
      limit: maxEnvBytes,
      what: 'label file',
      at: item,
      missing: 'env-file',
    });
    return file === undefined ? none : parseEnv(file, { lookup: () => undefined }, report);
  };
}
