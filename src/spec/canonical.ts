import {
  asList,
  bool,
  built,
  type Canon,
  fields,
  hostPath,
  integer,
  items,
  pairs,
  type Scope,
  text,
  values,
} from './canonical-leaf.ts';
import { image, job, service } from './canonical-service.ts';
import { child, impliedMapping, type Mapping, scalarAt, type Tree, withEntries } from './tree.ts';

export type { Scope } from './canonical-leaf.ts';

/** Brings one document into canonical form: see `Canon`. */
export function canonical(tree: Mapping, scope: Scope): Mapping {
  return stack(tree, scope) as Mapping;
}

export { service as canonicalService };

const orEmpty =
  (canon: Canon): Canon =>
  (tree, scope) =>
    tree.kind === 'scalar' && tree.value === null ? impliedMapping(tree, new Map()) : canon(tree, scope);

/** `external: { name: n }` is the old form of `external: true` and `name: n`. */
const external =
  (canon: Canon): Canon =>
  (tree, scope) => {
    const element = canon(tree, scope);
    const value = child(element, 'external');
    if (element.kind !== 'mapping' || value === undefined || value.tag === 'reset') return element;
    if (value.kind !== 'mapping') return withEntries(element, { external: bool(value, scope) });
    const name = child(value, 'name');
    const both = child(element, 'name');
    if (name !== undefined && both !== undefined) {
      scope.report.error('conflict', {
        summary: '"name" and "external.name" are both there',
        at: name,
        notes: ['keep "name" and write "external: true"'],
      });
    } else if (name !== undefined) {
      scope.report.warning('obsolete', {
        summary: '"external.name" is obsolete',
        at: name,
        notes: ['write "external: true" and "name" beside it'],
      });
    }
    return withEntries(element, { external: scalarAt(value, true), name: both ?? name });
  };

const network = external(
  fields({
    driver_opts: values(text),
    internal: bool,
    attachable: bool,
    enable_ipv4: bool,
    enable_ipv6: bool,
    labels: pairs('empty'),
  }),
);

/** A local volume with `o: bind` is a bind mount: its device is a path on the host. */
const driverOptions: Canon = (tree, scope) => {
  const canon = values(text)(tree, scope);
  const options = child(canon, 'o');
  const binds = options?.kind === 'scalar' && String(options.value).split(',').includes('bind');
  return binds ? fields({ device: hostPath })(canon, scope) : canon;
};

const volume = external(fields({ driver_opts: driverOptions, labels: pairs('empty') }));

const file = external(fields({ file: hostPath, labels: pairs('empty'), driver_opts: values(text) }));

const include = items((tree, scope) =>
  fields({ path: asList, env_file: asList })(tree.kind === 'scalar' ? built(tree, { path: tree.value }) : tree, scope),
);

const stack = fields({
  include,
  services: values(service),
  jobs: values(job),
  networks: values(orEmpty(network)),
  volumes: values(orEmpty(volume)),
  configs: values(file),
  secrets: values(file),
  models: values(fields({ context_size: integer })),
  'x-tscompose': fields({ images: values(image) }),
});

/** The mapping without the values at `faults`: what is wrong is reported, the rest can still be looked at. */
export function withoutFaults(tree: Mapping, faults: readonly (readonly (string | number)[])[]): Mapping {
  if (faults.length === 0) return tree;
  const all = branch();
  for (const path of faults) {
    let at = all;
    for (const step of path) {
      const next = at.parts.get(String(step)) ?? branch();
      at.parts.set(String(step), next);
      at = next;
    }
    at.gone = true;
  }
  return prune(tree, all) as Mapping;
}

/** Faults as a tree: a file with thousands of them is gone through once. */
type Branch = { gone: boolean; readonly parts: Map<string, Branch> };

const branch = (): Branch => ({ gone: false, parts: new Map() });

function prune(tree: Tree, { parts }: Branch): Tree {
  if (tree.kind === 'scalar' || parts.size === 0) return tree;
  if (tree.kind === 'sequence') {
    const items = tree.items.map((item, i) => {
      const part = parts.get(String(i));
      if (part === undefined) return item;
      // The next stage leaves out what is marked.
      return part.gone ? { ...item, tag: 'reset' as const } : prune(item, part);
    });
    return { ...tree, items };
  }
  const entries = new Map(tree.entries);
  for (const [key, part] of parts) {
    const entry = entries.get(key);
    if (entry === undefined) continue;
    if (part.gone) entries.delete(key);
    else entries.set(key, { key: entry.key, value: prune(entry.value, part) });
  }
  return { ...tree, entries };
}
