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

/**
 * The fields in which two configurations differ, sorted by path: `environment.PORT`, `mounts./data.source`, `argv`. Lists of
 * things with an identity are compared thing by thing, all others as a whole. Secret contents are never shown, only that
 * they differ (their checksum).
 */
export function differences(from: ContainerConfig, to: ContainerConfig): readonly Change[] {
  // Most containers have not changed, their keys come in the order of the loader on both sides, and comparing texts is
  // ten times cheaper than sorting.
  if (JSON.stringify(from) === JSON.stringify(to) || canonical(from) === canonical(to)) return [];
  const before = flatten(from);
  const after = flatten(to);
  const changes: Change[] = [];
  for (const path of [...new Set([...before.keys(), ...after.keys()])].sort()) {
    const old = before.get(path);
    const now = after.get(path);
    if (old === now || ignored.test(path)) continue;
    changes.push({ path, ...(old === undefined ? {} : { from: old }), ...(now === undefined ? {} : { to: now }) });
  }
  return changes;
}

/** Lists whose items are told apart by what they are, not by their position. */
const identities: { readonly [path: string]: (item: { readonly [key: string]: unknown }) => string } = {
  mounts: (item) => String(item['target']),
  devices: (item) => String(item['target']),
  ulimits: (item) => String(item['name']),
  networks: (item) => String(item['network']),
  'resources.blkio': (item) => `${String(item['device'])}.${String(item['kind'])}`,
};

function flatten(config: ContainerConfig): Map<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string, value: unknown): void => {
    if (value === undefined || (Array.isArray(value) && value.length === 0)) return;
    const parts = partsOf(path, value);
    if (parts === undefined) found.set(path, shown(value));
    else for (const [key, part] of parts) walk(path === '' ? key : `${path}.${key}`, part);
  };
  walk('', config);
  return found;
}

/** What a value is made of; nothing when it is compared as a whole. */
function partsOf(path: string, value: unknown): readonly (readonly [string, unknown])[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return Object.entries(value);
  const identity = identities[path];
  return identity === undefined ? undefined : value.map((item) => [identity(item), item]);
}

const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(sortKeys(value)));
