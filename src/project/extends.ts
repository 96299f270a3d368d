import { posix } from 'node:path';
import type { Note } from '../model/diagnostic.ts';
import { canonicalService, withoutFaults } from '../spec/canonical.ts';
import { interpolate } from '../spec/interpolate.ts';
import { mergeServices, settle } from '../spec/merge.ts';
import { suggest } from '../spec/suggest.ts';
import { maxStackBytes } from '../spec/text.ts';
import {
  child,
  impliedMapping,
  type Mapping,
  originOf,
  type Place,
  type Tree,
  toValue,
  withEntries,
} from '../spec/tree.ts';
import { validateService } from '../spec/validate.ts';
import { mapValues, replaceChild } from './key-only.ts';
import { documentsOf, type Loading, namesOf, type Part, resolveIn } from './loading.ts';

/** The services of one file: by name, and what relative files in `extends` start from. */
type Home = {
  readonly path: string;
  readonly directory: string;
  readonly part: Part;
  readonly names: readonly string[];
  find(name: string): Mapping | undefined;
};

type Link = { readonly id: string; readonly service: string; readonly file: string; readonly at: Place };

/** Puts under every service what it extends; marks (`!reset`) of the services stay for the merge with earlier files. */
export function applyExtends(document: Mapping, where: { path: string; part: Part }, loading: Loading): Mapping {
  const services = child(document, 'services');
  if (services?.kind !== 'mapping') return document;
  const home: Home = {
    path: where.path,
    directory: where.part.directory,
    part: where.part,
    names: [...services.entries.keys()],
    find: (name) => {
      const service = child(services, name);
      return service?.kind === 'mapping' ? service : undefined;
    },
  };
  const done = new Map<string, Mapping>();
  const extended = mapValues(services, (service, name) =>
    service.kind === 'mapping' && service.entries.has('extends')
      ? resolve(name, service, home, { loading, chain: [], done })
      : service,
  );
  return replaceChild(document, 'services', () => extended);
}

/** No stack file needs more, and every link takes some of our stack. */
const maxChain = 100;

type Context = {
  readonly loading: Loading;
  readonly chain: readonly Link[];
  /** Services that are complete: a base that many extend is merged once. */
  readonly done: Map<string, Mapping>;
};

function resolve(name: string, service: Mapping, home: Home, context: Context): Mapping {
  const reference = child(service, 'extends');
  const own = withEntries(service, { extends: undefined });
  if (reference?.kind !== 'mapping') return own;
  const id = `${home.path}#${name}`;
  const known = context.done.get(id);
  if (known !== undefined) return known;
  const wanted = child(reference, 'service') ?? reference;
  const link: Link = { id, service: name, file: context.loading.sources.shown(home.path), at: wanted };
  if (context.chain.some((earlier) => earlier.id === id)) {
    reportCycle([...context.chain, link], context.loading);
    return own;
  }
  if (context.chain.length === maxChain) {
    context.loading.report.error('extends', {
      summary: `more than ${maxChain} services extend each other in a row`,
      at: wanted,
      notes: ['extend the one at the end of the row'],
    });
    return own;
  }
  const base = findBase(reference, home, { ...context, chain: [...context.chain, link] });
  const merged = base === undefined ? own : mergeServices(settle(base) as Mapping, own, context.loading.report);
  if (base === undefined) context.loading.broken.add(`services.${context.chain[0]?.service ?? name}`);
  context.done.set(id, merged);
  return merged;
}

function findBase(reference: Mapping, home: Home, context: Context): Mapping | undefined {
  const wanted = child(reference, 'service');
  const file = child(reference, 'file');
  if (wanted === undefined) return undefined;
  const name = String(toValue(wanted));
  const from = file === undefined ? home : otherFile(String(toValue(file)), file, home, context.loading);
  if (from === undefined) return undefined;
  const base = from.find(name);
  if (base !== undefined) return resolve(name, base, from, context);
  if (context.loading.broken.has(`services.${name}`) && from.names.includes(name)) return undefined;
  const near = suggest(name, from.names);
  context.loading.report.error('extends', {
    summary: `no service "${name}" to extend in ${context.loading.sources.shown(from.path)}`,
    at: wanted,
    notes: [near === undefined ? `services there: ${from.names.join(', ') || 'none'}` : `did you mean "${near}"?`],
  });
  return undefined;
}

function otherFile(written: string, at: Tree, home: Home, loading: Loading): Home | undefined {
  const path = resolveIn(home.directory, written, loading.home);
  const file = loading.sources.text(path, { limit: maxStackBytes, what: 'extended file', at, missing: 'extends' });
  const documents = file === undefined ? [] : documentsOf(file, loading);
  if (file === undefined || documents.length === 0) return undefined;
  const directory = posix.dirname(path);
  const scope = { report: loading.report, home: loading.home, base: loading.resolvePaths ? directory : undefined };
  const load = (document: Mapping, name: string): Mapping | undefined => {
    const raw = child(child(document, 'services'), name);
    if (raw === undefined) return undefined;
    const filled = loading.interpolate ? interpolate(raw, home.part.environment, loading.report) : raw;
    const faults = validateService(name, filled, { interpolated: loading.interpolate }, loading.report);
    if (filled.kind !== 'mapping' || faults.some((fault) => fault.length === 0)) return undefined;
    return canonicalService(withoutFaults(filled, faults), scope) as Mapping;
  };
  return {
    path,
    directory,
    part: home.part,
    names: documents.flatMap((document) => namesOf(document, 'services')),
    find: (name) => {
      const found = documents.flatMap((document) => load(document, name) ?? []);
      const [first = undefined, ...rest] = found;
      if (first === undefined) return undefined;
      const start = rest.length === 0 ? first : mergeServices(impliedMapping(first, new Map()), first, loading.report);
      return rest.reduce((base, next) => mergeServices(base, next, loading.report), start);
    },
  };
}

function reportCycle(chain: readonly Link[], loading: Loading): void {
  const last = chain.at(-1) as Link;
  const members = chain.slice(chain.findIndex((link) => link.id === last.id));
  const notes: Note[] = members
    .slice(0, -1)
    .map((link) => ({ text: `${link.service} extends the next one here`, origin: originOf(link.at) }));
  loading.report.error('extends', {
    summary: `services extend each other in a circle: ${members.map((link) => link.service).join(' → ')}`,
    at: (members[0] as Link).at,
    notes: [...notes, 'take one of the extends away'],
  });
  for (const link of members) loading.broken.add(`services.${link.service}`);
}
