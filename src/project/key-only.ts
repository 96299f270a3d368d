import { child, type Entry, type Mapping, mappingAt, type Scalar, scalarAt, type Tree } from '../spec/tree.ts';
import type { Environment } from './environment.ts';

/** Names without a value in `environment` and `build.args` take theirs from the project's variables, when these have one. */
export function resolveNames(model: Mapping, environment: Environment): Mapping {
  return ['services', 'jobs'].reduce((tree, section) => inSection(tree, section, environment), model);
}

function inSection(model: Mapping, section: string, environment: Environment): Mapping {
  const services = child(model, section);
  if (services?.kind !== 'mapping') return model;
  const resolved = mapValues(services, (service) => {
    if (service.kind !== 'mapping') return service;
    const build = child(service, 'build');
    let changed = replaceChild(service, 'environment', (tree) => fill(tree, environment));
    if (build?.kind === 'mapping') {
      changed = replaceChild(changed, 'build', (tree) =>
        replaceChild(tree as Mapping, 'args', (args) => fill(args, environment)),
      );
    }
    return changed;
  });
  return resolved === services ? model : replaceChild(model, section, () => resolved);
}

function fill(tree: Tree, environment: Environment): Tree {
  if (tree.kind !== 'mapping') return tree;
  return mapValues(tree, (value, name) => {
    if (value.kind !== 'scalar' || value.value !== null) return value;
    const found = environment.find(name);
    if (found === undefined) return value;
    const filled: Scalar = { ...scalarAt(value, found.value), uses: [{ name, source: found.source }] };
    return filled;
  });
}

/** `tree` with other values; the same object when nothing changes. */
export function mapValues(tree: Mapping, change: (value: Tree, key: string) => Tree): Mapping {
  let entries: Map<string, Entry> | undefined;
  for (const [key, entry] of tree.entries) {
    const value = change(entry.value, key);
    if (value === entry.value) continue;
    entries ??= new Map(tree.entries);
    entries.set(key, { key: entry.key, value });
  }
  return entries === undefined ? tree : mappingAt(tree, entries);
}

/** `tree` with one child changed, when it is there. */
export function replaceChild(tree: Mapping, key: string, change: (value: Tree) => Tree): Mapping {
  const entry = tree.entries.get(key);
  const value = entry === undefined ? undefined : change(entry.value);
  if (entry === undefined || value === undefined || value === entry.value) return tree;
  const entries = new Map(tree.entries);
  entries.set(key, { key: entry.key, value });
  return mappingAt(tree, entries);
}
