import { child, type Entry, type Mapping, toValue, withEntries } from '../spec/tree.ts';
import { mapValues, replaceChild } from './key-only.ts';

export type Selection = {
  /** `*` is all of them. */
  readonly profiles: readonly string[];
  /** Named on the command line: their own profiles are on. */
  readonly services: readonly string[];
};

export type Enabled = {
  readonly model: Mapping;
  readonly disabled: readonly string[];
  /** All profiles that the file knows, sorted. */
  readonly profiles: readonly string[];
};

/** Takes out the services whose profile is off, and dependencies on them that are not required. */
export function selectProfiles(model: Mapping, selection: Selection): Enabled {
  const services = child(model, 'services');
  if (services?.kind !== 'mapping') return { model, disabled: [], profiles: [] };
  const all = new Set<string>();
  const disabled = new Set<string>();
  for (const [name, { value }] of services.entries) {
    const own = profilesOf(value);
    for (const profile of own) all.add(profile);
    const on =
      own.length === 0 ||
      selection.services.includes(name) ||
      own.some((profile) => selection.profiles.includes(profile));
    if (!on && !selection.profiles.includes('*')) disabled.add(name);
  }
  const profiles = [...all].sort();
  if (disabled.size === 0) return { model, disabled: [], profiles };
  const entries = new Map<string, Entry>([...services.entries].filter(([name]) => !disabled.has(name)));
  const kept = mapValues({ ...services, entries }, (service) =>
    service.kind === 'mapping'
      ? replaceChild(service, 'depends_on', (tree) =>
          tree.kind === 'mapping' ? withoutOptional(tree, disabled) : tree,
        )
      : service,
  );
  return { model: withEntries(model, { services: kept }), disabled: [...disabled], profiles };
}

const profilesOf = (service: Parameters<typeof child>[0]): readonly string[] => {
  const list = child(service, 'profiles');
  return list?.kind === 'sequence' ? list.items.map((item) => String(toValue(item))) : [];
};

function withoutOptional(dependencies: Mapping, disabled: ReadonlySet<string>): Mapping {
  const gone = [...dependencies.entries]
    .filter(([name, { value }]) => disabled.has(name) && isOptional(value))
    .map(([name]) => name);
  return gone.length === 0
    ? dependencies
    : withEntries(dependencies, Object.fromEntries(gone.map((name) => [name, undefined])));
}

const isOptional = (dependency: Parameters<typeof child>[0]): boolean => {
  const required = child(dependency, 'required');
  return required !== undefined && toValue(required) === false;
};
