import {
  child,
  type Entry,
  implied,
  impliedMapping,
  type Mapping,
  placeOf,
  scalarAt,
  type Tree,
  toValue,
  withEntries,
} from '../spec/tree.ts';
import { mapValues, replaceChild } from './key-only.ts';

/** Fills in what compose adds by itself: implicit networks and dependencies, real names, a Dockerfile. */
export function normalise(model: Mapping, name: string): Mapping {
  const withServices = replaceChild(model, 'services', (services) =>
    services.kind === 'mapping' ? mapValues(services, (service) => normaliseService(service)) : services,
  );
  const networks = withDefaultNetwork(withServices);
  const named = ['networks', 'volumes', 'configs', 'secrets'].reduce(
    (tree, section) => withNames(tree, section, name),
    networks,
  );
  const written = child(named, 'name');
  return withEntries(named, { name: written === undefined ? implied(named, name) : scalarAt(written, name) });
}

function normaliseService(service: Tree): Tree {
  if (service.kind !== 'mapping') return service;
  const changes: { [key: string]: Tree } = {};
  const networks = child(service, 'networks');
  if (isEmpty(networks) && isEmpty(child(service, 'network_mode')) && child(service, 'provider') === undefined) {
    const at = networks ?? service;
    changes['networks'] = impliedMapping(at, new Map([['default', { key: placeOf(at), value: implied(at, null) }]]));
  }
  const pull = child(service, 'pull_policy');
  if (pull?.kind === 'scalar' && pull.value === 'if_not_present') changes['pull_policy'] = scalarAt(pull, 'missing');
  const build = child(service, 'build');
  if (build?.kind === 'mapping') changes['build'] = normaliseBuild(build);
  const dependencies = impliedDependencies(service);
  if (dependencies !== undefined) changes['depends_on'] = dependencies;
  return Object.keys(changes).length === 0 ? service : withEntries(service, changes);
}

const isEmpty = (tree: Tree | undefined): boolean => {
  if (tree === undefined) return true;
  if (tree.kind === 'mapping') return tree.entries.size === 0;
  return tree.kind === 'sequence' ? tree.items.length === 0 : tree.value === null || tree.value === '';
};

function normaliseBuild(build: Mapping): Mapping {
  const recipe = child(build, 'dockerfile') ?? child(build, 'dockerfile_inline');
  return recipe === undefined ? withEntries(build, { dockerfile: implied(build, 'Dockerfile') }) : build;
}

/** `links`, shared namespaces and `volumes_from` are dependencies too. */
function impliedDependencies(service: Mapping): Tree | undefined {
  const found = new Map<string, { at: Tree; restart: boolean }>();
  const add = (name: string | undefined, at: Tree, restart: boolean): void => {
    if (name !== undefined && name !== '' && !found.has(name)) found.set(name, { at, restart });
  };
  for (const link of itemsOf(child(service, 'links'))) add(String(toValue(link)).split(':')[0], link, true);
  for (const key of ['network_mode', 'ipc', 'pid', 'uts', 'cgroup']) {
    const mode = child(service, key);
    const text = mode === undefined ? '' : String(toValue(mode));
    if (mode !== undefined && text.startsWith('service:')) add(text.slice('service:'.length), mode, true);
  }
  for (const from of itemsOf(child(service, 'volumes_from'))) {
    const text = String(toValue(from));
    if (!text.startsWith('container:')) add(text.split(':')[0], from, false);
  }
  if (found.size === 0) return undefined;
  const written = child(service, 'depends_on');
  const entries = new Map<string, Entry>(written?.kind === 'mapping' ? written.entries : []);
  for (const [name, { at, restart }] of found)
    if (!entries.has(name)) entries.set(name, { key: placeOf(at), value: dependency(at, restart) });
  return written?.kind === 'mapping' ? { ...written, entries } : impliedMapping(service, entries);
}

const itemsOf = (tree: Tree | undefined): readonly Tree[] => (tree?.kind === 'sequence' ? tree.items : []);

function dependency(at: Tree, restart: boolean): Mapping {
  const place = placeOf(at);
  const entry = (value: string | boolean): Entry => ({ key: place, value: implied(at, value) });
  const entries = new Map([['condition', entry('service_started')]]);
  if (restart) entries.set('restart', entry(true));
  entries.set('required', entry(true));
  return impliedMapping(at, entries);
}

function withDefaultNetwork(model: Mapping): Mapping {
  const services = child(model, 'services');
  const networks = child(model, 'networks');
  if (services?.kind !== 'mapping' || child(networks, 'default') !== undefined) return model;
  const used = [...services.entries.values()].some(
    ({ value }) => child(child(value, 'networks'), 'default') !== undefined,
  );
  if (!used) return model;
  const entry = { key: placeOf(services), value: impliedMapping(services, new Map()) };
  const entries = new Map<string, Entry>([
    ...(networks?.kind === 'mapping' ? networks.entries : []),
    ['default', entry],
  ]);
  return withEntries(model, {
    networks: networks?.kind === 'mapping' ? { ...networks, entries } : impliedMapping(model, entries),
  });
}

function withNames(model: Mapping, section: string, project: string): Mapping {
  return replaceChild(model, section, (elements) => {
    if (elements.kind !== 'mapping') return elements;
    return mapValues(elements, (element, key) => {
      if (element.kind !== 'mapping' || !isEmpty(child(element, 'name'))) return element;
      const external = child(element, 'external');
      const name = external !== undefined && toValue(external) === true ? key : `${project}_${key}`;
      return withEntries(element, { name: implied(element, name) });
    });
  });
}
