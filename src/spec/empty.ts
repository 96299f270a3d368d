import { child, type Entry, type Mapping, type Tree } from './tree.ts';

/** Keys of a service where nothing is a value: that of the image, or one from the environment. */
const nullable =
  /^services\.[^.]+\.(command|entrypoint|pid|(environment|labels|annotations|sysctls|networks|models|build\.args)\..*)$/;

/**
 * A later file without its empty values where an earlier one has something: they change nothing there, so that they are no
 * mistakes either. The same goes for a service that extends another one.
 */
export const withoutEmpty = (later: Mapping, earlier: Tree | undefined): Mapping => within(later, earlier, []);

function within(later: Mapping, earlier: Tree | undefined, path: readonly string[]): Mapping {
  let entries: Map<string, Entry> | undefined;
  const extending = isService(path) && later.entries.has('extends');
  for (const [key, entry] of later.entries) {
    if (entry.value.kind !== 'mapping' && !isEmpty(entry.value)) continue;
    const known = child(earlier, key);
    const kept = keptValue(entry.value, { known, path: [...path, key], extending });
    if (kept === entry.value) continue;
    entries ??= new Map(later.entries);
    if (kept === undefined) entries.delete(key);
    else entries.set(key, { key: entry.key, value: kept });
  }
  return entries === undefined ? later : { ...later, entries };
}

const isService = (path: readonly string[]): boolean => path.length === 2 && path[0] === 'services';

const isEmpty = (value: Tree): boolean => value.kind === 'scalar' && value.value === null && value.tag === undefined;

type Around = { readonly known: Tree | undefined; readonly path: readonly string[]; readonly extending: boolean };

function keptValue(value: Tree, { known, path, extending }: Around): Tree | undefined {
  if (isEmpty(value)) return (known !== undefined || extending) && !nullable.test(path.join('.')) ? undefined : value;
  const above = (path.length === 1 && path[0] === 'services') || isService(path);
  return value.kind === 'mapping' && (known !== undefined || above) ? within(value, known, path) : value;
}
