import { child, type Entry, type Mapping, type Tree } from './tree.ts';

/** Keys of a service where nothing is a value: that of the image, or one from the environment. */
const nullable =
  /^services\.[^.]+\.(command|entrypoint|pid|(environment|labels|annotations|sysctls|networks|models|build\.args)\..*)$/;

/**
 * A later file without its empty values where an earlier one has something: they change nothing there, so that they are no
 * mistakes either. The same goes for a service that extends another one.
 */
export function withoutEmpty(later: Mapping, earlier: Tree | undefined, path = ''): Mapping {
  let entries: Map<string, Entry> | undefined;
  const extending = /^services\.[^.]+$/.test(path) && later.entries.has('extends');
  for (const [key, entry] of later.entries) {
    const inner = path === '' ? key : `${path}.${key}`;
    const known = child(earlier, key);
    const kept = keptValue(entry.value, { known, inner, extending });
    if (kept === entry.value) continue;
    entries ??= new Map(later.entries);
    if (kept === undefined) entries.delete(key);
    else entries.set(key, { key: entry.key, value: kept });
  }
  return entries === undefined ? later : { ...later, entries };
}

type Around = { readonly known: Tree | undefined; readonly inner: string; readonly extending: boolean };

function keptValue(value: Tree, { known, inner, extending }: Around): Tree | undefined {
  const empty = value.kind === 'scalar' && value.value === null && value.tag === undefined;
  if (empty) return (known !== undefined || extending) && !nullable.test(inner) ? undefined : value;
  const above = inner === 'services' || /^services\.[^.]+$/.test(inner);
  return value.kind === 'mapping' && (known !== undefined || above) ? withoutEmpty(value, known, inner) : value;
}
