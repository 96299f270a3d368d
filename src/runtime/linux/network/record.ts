import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ContainerConfig, Network, PublishedPort } from '../../../model/project.ts';
import { textIfThere } from '../absent.ts';
import type { ProjectPaths } from '../paths.ts';

/** Whether a container with this config is on networks of its own, and so concerns `Networking` at all. */
export const isNetworked = (config: ContainerConfig): boolean =>
  config.networkMode.kind === 'networks' && config.networks.length > 0;

/**
 * What a project's network is: enough to make all of it again after a boot or a crash, byte for byte the same. Nothing
 * about the machine's present state is in here.
 */
export type NetworkRecord = {
  readonly version: 1;
  /** The two ends of the veth to the host, as a prefix of four addresses; absent until a network needs the outside. */
  readonly uplink?: string;
  readonly networks: readonly NetworkEntry[];
  readonly endpoints: readonly Endpoint[];
};

export type NetworkEntry = {
  readonly network: Network;
  /** The project that has made it, where this one has only joined. */
  readonly owner?: string;
  /** What our router has on a network that it has joined: addresses as those of a container, and the MAC in hex. */
  readonly leg?: { readonly ipv4?: string; readonly ipv6?: string; readonly mac: string };
  /** Name and interface index of the bridge in the router, or of the leg. */
  readonly bridge: string;
  readonly index: number;
  /** IPv4 first; one or two. */
  readonly subnets: readonly SubnetEntry[];
};

export type SubnetEntry = { readonly cidr: string; readonly gateway: string };

/** A container as the network sees it. */
export type Endpoint = {
  readonly container: string;
  readonly service: string;
  /** In the order of its interfaces. */
  readonly attachments: readonly Attachment[];
  readonly ports: readonly BoundPort[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly extraHosts: readonly string[];
  /** `SERVICE:ALIAS`. */
  readonly links: readonly string[];
  readonly hostname?: string;
  readonly domainname?: string;
  /** Its interfaces were made, all of them; absent while that is going on, or when it was cut short. */
  readonly attached?: true;
};

export type Attachment = {
  /** Real name of the network. */
  readonly network: string;
  readonly interfaceName: string;
  readonly mac: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly linkLocal?: readonly string[];
  readonly aliases: readonly string[];
  /** Its gateway is the container's default route. */
  readonly gateway: boolean;
  /** It is so for this family alone, which the network with the default route lacks. */
  readonly gatewayFor?: 4 | 6;
};

/** A published port, with the host port in force where the kernel or a range had a choice. */
export type BoundPort = PublishedPort & { readonly bound?: number };

/**
 * What interfaces between containers, and to the host, take at once: as much as IP has room for. With the 1500 of Ethernet
 * a stream costs up to twice as much processor time. What leaves the machine is held smaller by the routes that lead there.
 */
export const LARGEST_MTU = 65_535;

/** Interface indices in the router: of bridges and legs, and from there on of veths to containers. */
export const FIRST_BRIDGE = 10;
export const FIRST_VETH = 1000;

/** The router's end of the way out. */
export const UPLINK = { name: 'uplink', index: 2 } as const;

/** MTU of a network's bridge, and of everything on it. */
export const mtuOf = ({ network }: Pick<NetworkEntry, 'network'>): number => network.options?.mtu ?? LARGEST_MTU;

export type NetworkPaths = {
  /** Directory of the net process; "router" in it is the pinned namespace. */
  readonly run: string;
  readonly router: string;
  /** A fifo that is open for writing as long as the net process lives. */
  readonly alive: string;
  readonly record: string;
};

/** Project names have no dot, so nothing of a container or another project can be called like this. */
export function networkPaths(at: ProjectPaths): NetworkPaths {
  const run = `${at.run}.network`;
  return { run, router: `${run}/router`, alive: `${run}/net.alive`, record: `${at.networks}/addresses` };
}

export const emptyRecord: NetworkRecord = { version: 1, networks: [], endpoints: [] };

/** The record, or the empty one when there is none or it is of another version. Throws when it cannot be read. */
export function readNetworkRecord(path: string): NetworkRecord {
  const text = textIfThere(path);
  if (text === undefined) return emptyRecord;
  try {
    const record = JSON.parse(text) as NetworkRecord;
    return record.version === 1 ? record : emptyRecord;
  } catch {
    return emptyRecord;
  }
}

export function writeNetworkRecord(path: string, record: NetworkRecord): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The record, and what is written to take its place. */
const filesOf = (path: string): readonly string[] => [path, `${path}.new`];

/** Whether there is one, or the beginning of one. */
export const hasNetworkRecord = (path: string): boolean => filesOf(path).some((file) => existsSync(file));

/** With what a command has begun to write over which it was killed. */
export function removeNetworkRecord(path: string): void {
  // Most have none, and to remove what is not there takes longer than to look.
  for (const file of filesOf(path)) if (existsSync(file)) rmSync(file, { force: true });
}

/** Published ports with the host port in force, by container; needs no lock. */
export function boundPorts(at: ProjectPaths): ReadonlyMap<string, readonly PublishedPort[]> {
  const { endpoints } = readNetworkRecord(networkPaths(at).record);
  return new Map(
    endpoints.map(({ container, ports }) => [
      container,
      ports.map(({ bound, ...port }) =>
        bound === undefined ? port : { ...port, published: { first: bound, last: bound } },
      ),
    ]),
  );
}

/** The ports of a project's containers as they are published now; needs no lock. */
export function readEndpoints(at: ProjectPaths): readonly Endpoint[] {
  return readNetworkRecord(networkPaths(at).record).endpoints;
}
