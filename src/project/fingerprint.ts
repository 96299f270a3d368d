import type { Change } from '../model/plan.ts';
import type { ContainerConfig } from '../model/project.ts';

/**
 * Version of the meaning of `ContainerConfig`. Raise it when a field starts to mean something else, and teach `upgrade` to
 * say the old thing in the new words, so that installing a newer tscompose recreates nothing by itself.
 */
export const fingerprintVersion = 1;

/**
 * The configuration as text that is the same exactly when the container would be the same: keys sorted, numbers and texts
 * as JSON writes them. Lists keep their order where order means something (argv, networks, mounts of one depth).
 */
export const canonical = (config: ContainerConfig): string => JSON.stringify(sortKeys(config));

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, each]) => [key, sortKeys(each)]));
}

/** Where the content of a config lies on the host, or what it is called there, changes nothing inside. */
const ignored = /^mounts\..*\.content\.(path|text)$/;
const contentSum = /^(mounts\..*\.content)\.sha256$/;

/** Variables whose value is nobody's business, by their name. */
const sensitive = /^environment\..*(pass(word|wd|phrase)?|secret|token|credential|(api|access|private|signing)_?key)/i;

/**
 * The fields in which two configurations differ, sorted by path: `environment.PORT`, `mounts./data.source`, `argv`. Lists of
 * things with an identity are compared thing by thing, all others as a whole; what appears or goes as a whole is one
 * change. Contents of configs and secrets, and variables with a telling name, are never shown, only that they differ.
 */
export function differences(from: ContainerConfig, to: ContainerConfig): readonly Change[] {
  // Most containers have not changed, their keys come in the order of the loader on both sides, and comparing texts is
  // ten times cheaper than sorting.
  if (JSON.stringify(from) === JSON.stringify(to) || canonical(from) === canonical(to)) return [];
  const before = flatten(from);
  const after = flatten(to);
  const oneSided = differing(before.items, after.items).filter((item) => !('from' in item && 'to' in item));
  const isPart = (path: string): boolean => oneSided.some((item) => path.startsWith(`${item.path}.`));
  const fields = differing(before.fields, after.fields).filter(({ path }) => !ignored.test(path) && !isPart(path));
  return [...oneSided, ...fields.map(withoutSecrets)].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function differing(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly Change[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((path) => {
    const old = before.get(path);
    const now = after.get(path);
    if (old === now) return [];
    return [{ path, ...(old === undefined ? {} : { from: old }), ...(now === undefined ? {} : { to: now }) }];
  });
}

function withoutSecrets(change: Change): Change {
  const content = contentSum.exec(change.path)?.[1];
  if (content !== undefined) return { path: content };
  return sensitive.test(change.path) ? { path: change.path } : change;
}

type Item = { readonly [key: string]: unknown };

/** Lists whose items are told apart by what they are, not by their position, and how one is shown as a whole. */
const lists: {
  readonly [path: string]: { readonly identity: (item: Item) => string; readonly summary: (item: Item) => string };
} = {
  mounts: {
    identity: ({ target }) => String(target),
    summary: ({ kind, source, volume }) => [kind, source ?? volume].filter(Boolean).join(' '),
  },
  devices: {
    identity: ({ target }) => String(target),
    summary: ({ source, permissions }) => `${source} ${permissions}`,
  },
  ulimits: { identity: ({ name }) => String(name), summary: ({ soft, hard }) => `${soft}:${hard}` },
  networks: { identity: ({ network }) => String(network), summary: () => 'attached' },
  'resources.blkio': {
    identity: ({ device, kind }) => `${device}.${kind}`,
    summary: ({ value }) => String(value),
  },
};

type Flat = {
  /** Values by path. */
  readonly fields: ReadonlyMap<string, string>;
  /** Items of `lists` by path. What differs inside of one that both sides have is for the fields to tell. */
  readonly items: ReadonlyMap<string, string>;
};

function flatten(config: ContainerConfig): Flat {
  const fields = new Map<string, string>();
  const items = new Map<string, string>();
  const walk = (path: string, value: unknown): void => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return;
    if (typeof value !== 'object' || value === null) return void fields.set(path, shown(value));
    if (!Array.isArray(value)) {
      for (const [key, part] of Object.entries(value)) walk(path === '' ? key : `${path}.${key}`, part);
      return;
    }
    const list = lists[path];
    if (list === undefined) return void fields.set(path, shown(value));
    for (const item of value) {
      const at = `${path}.${list.identity(item)}`;
      items.set(at, list.summary(item));
      walk(at, item);
    }
  };
  walk('', config);
  return { fields, items };
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(sortKeys(value)));
