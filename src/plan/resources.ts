import type { Change } from '../model/plan.ts';
import type { Network, Volume } from '../model/project.ts';
import type {
  DesiredContainer,
  DesiredState,
  ObservedContainer,
  ObservedNetwork,
  ObservedState,
} from '../model/state.ts';
import { isAlive } from './ending.ts';
import type { ReconcileOptions } from './options.ts';
import { byText } from './order.ts';
import type { Scope } from './scope.ts';

/** Volumes and networks that the containers in scope need and that are not there, or not as the file says. */
export type Resources = {
  readonly missingVolumes: readonly Volume[];
  readonly missingNetworks: readonly Network[];
  readonly changedNetworks: readonly {
    readonly network: Network;
    readonly observed: ObservedNetwork;
    readonly changes: readonly Change[];
  }[];
  /** What a container has lost hold of because it is made anew ("network shop_default"), if it must be made anew for that. */
  readonly renewedFor: (desired: DesiredContainer, observed: ObservedContainer) => string | undefined;
};

/**
 * External volumes are not ours to make: if one is missing, creating the container that uses it says so. External networks
 * are joined, which is a step as making them is.
 */
export function missingFor(
  users: readonly DesiredContainer[],
  desired: DesiredState,
  observed: ObservedState,
): Pick<Resources, 'missingVolumes' | 'missingNetworks'> {
  const { volumes, networks } = usedBy(users, desired);
  return {
    missingVolumes: volumes.filter(({ name }) => !observed.volumes.some((there) => there.name === name)).sort(byName),
    missingNetworks: networks
      .filter(({ name }) => !observed.networks.some((there) => there.name === name))
      .sort(byName),
  };
}

export function resourcesOf(
  desired: DesiredState,
  observed: ObservedState,
  { scope, options }: { readonly scope: Scope; readonly options: ReconcileOptions },
): Resources {
  const users = desired.containers.filter((container) => isInScope(container, scope));
  const { missingVolumes, missingNetworks } = missingFor(users, desired, observed);
  const isKeeping = options.recreate === 'never' || options.recreateDependencies === 'never';
  // A network can only change under its members' feet; who forbids that they are made anew keeps the network too.
  const changedNetworks = (isKeeping ? [] : usedBy(users, desired).networks)
    .flatMap((network) => {
      const there = observed.networks.find(({ name }) => name === network.name);
      const changes = there === undefined ? [] : networkChanges(there.network, network);
      return there === undefined || changes.length === 0 ? [] : [{ network, observed: there, changes }];
    })
    .sort((a, b) => byName(a.network, b.network));

  const renewedFor = (wanted: DesiredContainer, there: ObservedContainer): string | undefined => {
    const changed = changedNetworks.find(({ network }) => networksOf(wanted).includes(network.key));
    if (changed !== undefined) return `network ${changed.network.name}`;
    // A stopped container without its monitor (after a boot) holds on to nothing: starting it is enough.
    if (!isAlive(there) && !there.monitored) return undefined;
    const network = missingNetworks.find(({ key }) => networksOf(wanted).includes(key));
    if (network !== undefined) return `network ${network.name}`;
    const volume = missingVolumes.find(({ name }) => volumesOf(wanted).includes(name));
    return volume === undefined || !isAlive(there) ? undefined : `volume ${volume.name}`;
  };
  return { missingVolumes, missingNetworks, changedNetworks, renewedFor };
}

export function isInScope({ service }: Pick<DesiredContainer, 'service'>, { roles }: Scope): boolean {
  return roles.get(service) === 'named' || roles.get(service) === 'dependency';
}

function usedBy(
  users: readonly DesiredContainer[],
  desired: DesiredState,
): { readonly volumes: readonly Volume[]; readonly networks: readonly Network[] } {
  const volumes = new Set(users.flatMap(volumesOf));
  const networks = new Set(users.flatMap(networksOf));
  return {
    volumes: desired.volumes.filter(({ name, external }) => !external && volumes.has(name)),
    networks: desired.networks.filter(({ key }) => networks.has(key)),
  };
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number => byText(a.name, b.name);

type Configured = Pick<DesiredContainer, 'config'>;

/** Real names of the named volumes it mounts. */
export const volumesOf = ({ config }: Configured): readonly string[] =>
  config.mounts.flatMap((mount) => (mount.kind === 'volume' && mount.volume !== undefined ? [mount.volume] : []));

/** Keys of the networks it is attached to. */
export const networksOf = ({ config }: Configured): readonly string[] =>
  config.networkMode.kind === 'networks' ? config.networks.map(({ network }) => network) : [];

const networkFields = [
  'driver',
  'external',
  'internal',
  'enableIpv4',
  'enableIpv6',
  'subnets',
  'labels',
  'options',
] as const;

/** Networks are compared as a whole per setting: they are few, small, and always made anew. */
export function networkChanges(from: Network, to: Network): readonly Change[] {
  return networkFields.flatMap((field) => {
    const [before, after] = [canonical(from[field] ?? {}), canonical(to[field] ?? {})];
    if (before === after) return [];
    return [{ path: `networks.${to.key}.${field}`, from: before, to: after, ...(to.origin && { origin: to.origin }) }];
  });
}

/** JSON with sorted keys; a plain string as it is. */
function canonical(value: unknown): string {
  if (typeof value === 'string') return value;
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => byText(a, b)))
      : inner,
  );
}
