import { createHash } from 'node:crypto';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig, Network, NetworkAttachment } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import {
  type Address,
  type Cidr,
  type Family,
  formatAddress,
  formatCidr,
  macOf,
  nth,
  overlaps,
  parseAddress,
  parseCidr,
  parseMac,
  uniqueLocalSubnet,
} from './addresses.ts';
import { chooseSubnet, type LeaseRefusal, type Lessor, lease } from './leases.ts';
import {
  type Attachment,
  type Endpoint,
  FIRST_BRIDGE,
  type NetworkEntry,
  type NetworkRecord,
  type SubnetEntry,
} from './record.ts';

/** Who gets which address, decided before anything is made. Pure: a record and a wish in, a record out. */

/** Where subnets are taken from when the file names none: away from what Docker, podman and libvirt take. */
const pools = [201, 202, 203, 204].map((second) => parseCidr(`10.${second}.0.0/16`)) as Cidr[];
const uplinkPools = [parseCidr('10.205.0.0/16')] as Cidr[];
const NAME_LIMIT = 15;

/** What the machine has, that new subnets must not touch. */
export type Surroundings = { readonly taken: readonly Cidr[] };

/** A container that wants to be on networks. */
export type Wish = { readonly container: string; readonly service: string; readonly config: ContainerConfig };

const failure = (message: string, notes: readonly string[], configPath?: string): RuntimeFailure => ({
  code: 'address-exhausted',
  message,
  notes,
  ...(configPath === undefined ? {} : { configPath }),
});

/** Adds a network with its bridge and subnets; what is there already stays as it is. */
export function addNetwork(
  record: NetworkRecord,
  network: Network,
  { project, taken, hosts }: Surroundings & { readonly project: string; readonly hosts: number },
): Result<NetworkRecord, RuntimeFailure> {
  if (record.networks.some((entry) => entry.network.name === network.name)) return ok(record);
  const own = record.networks.flatMap((entry) => entry.subnets.map(({ cidr }) => parseCidr(cidr) as Cidr));
  const seed = `${project}/${network.name}`;
  const subnets: SubnetEntry[] = network.subnets.map(({ subnet, gateway }) => {
    const cidr = parseCidr(subnet) as Cidr;
    return { cidr: formatCidr(cidr), gateway: gateway ?? formatAddress(nth(cidr, 1)) };
  });
  for (const { cidr } of subnets) {
    const clash = record.networks.find((entry) =>
      entry.subnets.some((other) => overlaps(parseCidr(other.cidr) as Cidr, parseCidr(cidr) as Cidr)),
    );
    if (clash !== undefined)
      return err(
        failure(
          `cannot make the network ${network.name}: its subnet ${cidr} overlaps that of ${clash.network.name}`,
          ['no packet could tell them apart: choose another subnet, or leave ipam out'],
          'networks',
        ),
      );
  }
  const has = (family: Family): boolean => subnets.some(({ cidr }) => parseCidr(cidr)?.family === family);
  if (!has(4) && network.enableIpv4 !== false) {
    // Room for as many again, so that scaling and recreation find addresses.
    const length = Math.min(24, 32 - Math.ceil(Math.log2(hosts * 2 + 4)));
    const chosen = chooseSubnet({ pools, taken: [...taken, ...own], length, longest: Math.max(length, 28), seed });
    if (chosen === undefined)
      return err(
        failure(`cannot make the network ${network.name}: no free subnet is left in 10.201.0.0 to 10.204.255.255`, [
          'take networks down that are not needed, or name a subnet: ipam: { config: [{ subnet: 172.30.0.0/24 }] }',
        ]),
      );
    subnets.unshift({ cidr: formatCidr(chosen), gateway: formatAddress(nth(chosen, 1)) });
  }
  if (network.enableIpv6 && !has(6)) {
    const chosen = uniqueLocalSubnet(seed);
    subnets.push({ cidr: formatCidr(chosen), gateway: formatAddress(nth(chosen, 1)) });
  }
  subnets.sort((a, b) => Number(a.cidr.includes(':')) - Number(b.cidr.includes(':')));
  return ok(addNetworkEntry(record, { network, subnets: subnets.slice(0, 2) }));
}

/** The record with one more network, which gets an interface in the router. */
export function addNetworkEntry(
  record: NetworkRecord,
  entry: Pick<NetworkEntry, 'network' | 'subnets' | 'owner'>,
): NetworkRecord {
  const bridge = bridgeName(record, entry);
  return { ...record, networks: [...record.networks, { ...entry, bridge, index: nextIndex(record) }] };
}

/** The four addresses of the veth to the host: .1 is the host's, .2 the router's. */
export function addUplink(
  record: NetworkRecord,
  { project, taken }: Surroundings & { readonly project: string },
): Result<NetworkRecord, RuntimeFailure> {
  if (record.uplink !== undefined) return ok(record);
  const chosen = chooseSubnet({ pools: uplinkPools, taken, length: 30, longest: 30, seed: project });
  if (chosen !== undefined) return ok({ ...record, uplink: formatCidr(chosen) });
  return err(failure('cannot connect the project to the outside: no free address is left in 10.205.0.0/16', []));
}

function nextIndex(record: NetworkRecord): number {
  const used = new Set(record.networks.map(({ index }) => index));
  let index = FIRST_BRIDGE;
  while (used.has(index)) index++;
  return index;
}

function bridgeName(record: NetworkRecord, { network, owner }: Pick<NetworkEntry, 'network' | 'owner'>): string {
  const { key, options } = network;
  const named = owner === undefined ? options?.bridgeName : undefined;
  const wanted = named ?? `br-${key.replace(/[^A-Za-z0-9_.-]/g, '-')}`;
  const taken = (name: string): boolean => record.networks.some(({ bridge }) => bridge === name);
  if (wanted.length <= NAME_LIMIT && !taken(wanted)) return wanted;
  return `br-${createHash('sha256').update(key).digest('hex').slice(0, 12)}`;
}

/** Who of another project has which address on a network, by its real name. */
export type ForeignAddresses = readonly { readonly network: string; readonly who: string; readonly address: Address }[];

/** Gives each container its place on its networks: addresses, interface names, MACs, the default route. */
export function addEndpoints(
  record: NetworkRecord,
  wishes: readonly Wish[],
  foreign: ForeignAddresses = [],
): Result<NetworkRecord, RuntimeFailure> {
  const names = new Set(wishes.map(({ container }) => container));
  const before = new Map(record.endpoints.map((endpoint) => [endpoint.container, endpoint]));
  const others = record.endpoints.filter(({ container }) => !names.has(container));
  const given = new Map<string, Address>();
  for (const entry of record.networks) {
    for (const { cidr, gateway } of entry.subnets) {
      const leased = leaseOn({ entry, cidr: parseCidr(cidr) as Cidr, gateway, wishes, before, others, foreign });
      if (!leased.ok) return leased;
      for (const [container, address] of leased.value)
        given.set(`${entry.network.name} ${address.family} ${container}`, address);
    }
  }
  const endpoints = wishes.map((wish) => endpointOf(wish, { record, given, before: before.get(wish.container) }));
  return ok({ ...record, endpoints: [...others, ...endpoints].sort((a, b) => (a.container < b.container ? -1 : 1)) });
}

type LeaseOn = {
  readonly entry: NetworkEntry;
  readonly cidr: Cidr;
  readonly gateway: string;
  readonly wishes: readonly Wish[];
  readonly before: ReadonlyMap<string, Endpoint>;
  readonly others: readonly Endpoint[];
  readonly foreign: ForeignAddresses;
};

function leaseOn({
  entry,
  cidr,
  gateway,
  wishes,
  before,
  others,
  foreign,
}: LeaseOn): Result<ReadonlyMap<string, Address>, RuntimeFailure> {
  const { network } = entry;
  const field = cidr.family === 4 ? 'ipv4' : 'ipv6';
  const held = new Map(addressesOf(foreign, { network: network.name, family: cidr.family }));
  for (const endpoint of others) {
    const address = addressOn(endpoint, { network: network.name, field });
    if (address !== undefined) held.set(endpoint.container, address);
  }
  const claims = wishes.flatMap(({ container, config }) => {
    const attachment = config.networks.find((each) => each.network === network.key);
    if (attachment === undefined) return [];
    const fixed = parseAddress((field === 'ipv4' ? attachment.ipv4Address : attachment.ipv6Address) ?? '');
    const old = addressOn(before.get(container), { network: network.name, field });
    return [{ container, ...(fixed === undefined ? {} : { fixed }), ...(old === undefined ? {} : { before: old }) }];
  });
  for (const address of legOf(entry, cidr.family)) held.set('our router', address);
  const leased = lease(lessorOf(entry, { cidr, gateway }), { claims, held });
  return leased.ok ? leased : err(refusal(leased.error, { network: network.name, cidr: formatCidr(cidr) }));
}

function lessorOf(
  { network }: NetworkEntry,
  { cidr, gateway }: { readonly cidr: Cidr; readonly gateway: string },
): Lessor {
  const written = network.subnets.find(({ subnet }) => parseCidr(subnet)?.family === cidr.family);
  return {
    subnet: cidr,
    range: parseCidr(written?.ipRange ?? '') ?? cidr,
    gateway: parseAddress(gateway) as Address,
    reserved: Object.values(written?.auxAddresses ?? {}).flatMap((text) => parseAddress(text) ?? []),
  };
}

const legOf = ({ leg }: NetworkEntry, family: Family): Address[] =>
  [parseAddress((family === 4 ? leg?.ipv4 : leg?.ipv6) ?? '')].filter((address) => address !== undefined);

const addressesOf = (
  foreign: ForeignAddresses,
  { network, family }: { readonly network: string; readonly family: Family },
): (readonly [string, Address])[] =>
  foreign
    .filter((each) => each.network === network && each.address.family === family)
    .map(({ who, address }) => [`${who} ${formatAddress(address)}`, address]);

/** An address on a network of another project, for something that is not a container. */
export function freeAddress(
  entry: NetworkEntry,
  { cidr, gateway }: SubnetEntry,
  { who, foreign }: { readonly who: string; readonly foreign: ForeignAddresses },
): Result<Address, RuntimeFailure> {
  const subnet = parseCidr(cidr) as Cidr;
  const held = new Map(addressesOf(foreign, { network: entry.network.name, family: subnet.family }));
  const leased = lease(lessorOf(entry, { cidr: subnet, gateway }), { claims: [{ container: who }], held });
  if (!leased.ok) return err(refusal(leased.error, { network: entry.network.name, cidr }));
  return ok(leased.value.get(who) as Address);
}

function addressOn(
  endpoint: Endpoint | undefined,
  { network, field }: { readonly network: string; readonly field: 'ipv4' | 'ipv6' },
): Address | undefined {
  return parseAddress(endpoint?.attachments.find((each) => each.network === network)?.[field] ?? '');
}

function refusal(refused: LeaseRefusal, { network, cidr }: { network: string; cidr: string }): RuntimeFailure {
  const start = `cannot put ${refused.container} on the network ${network}`;
  if (refused.kind === 'exhausted')
    return failure(`${start}: ${cidr} has no free address left`, [
      'give the network a larger subnet (ipam: { config: [{ subnet }] }), or scale down',
    ]);
  const address = formatAddress(refused.address);
  if (refused.kind === 'outside')
    return failure(
      `${start}: ${address} is no address for a container in ${cidr}`,
      [`choose one inside ${cidr}`],
      'networks',
    );
  return failure(`${start}: ${address} belongs to ${refused.by}`, [`choose another one in ${cidr}`], 'networks');
}

function endpointOf(
  { container, service, config }: Wish,
  {
    record,
    given,
    before,
  }: {
    readonly record: NetworkRecord;
    readonly given: ReadonlyMap<string, Address>;
    readonly before: Endpoint | undefined;
  },
): Endpoint {
  const known = new Map(record.networks.map((entry) => [entry.network.key, entry.network]));
  const wanted = [...config.networks]
    .filter(({ network }) => known.has(network))
    .sort((a, b) => b.priority - a.priority || (a.network < b.network ? -1 : 1));
  const gateway = gatewayOf(wanted, { record, families: [4, 6] });
  // A network without one of the families leaves that to another.
  const rest = familiesLeft(gateway, record);
  const second = rest === undefined ? undefined : gatewayOf(wanted, { record, families: [rest] });
  const attachments = wanted.map((each, position): Attachment => {
    const network = known.get(each.network)?.name ?? '';
    const v4 = given.get(`${network} 4 ${container}`);
    const v6 = given.get(`${network} 6 ${container}`);
    const mac = parseMac(each.macAddress ?? '') ?? macOf((v4 ?? v6) as Address);
    return {
      network,
      interfaceName: each.interfaceName ?? `${known.get(each.network)?.options?.interfacePrefix ?? 'eth'}${position}`,
      mac: mac.toString('hex'),
      ...(v4 === undefined ? {} : { ipv4: formatAddress(v4) }),
      ...(v6 === undefined ? {} : { ipv6: formatAddress(v6) }),
      ...(each.linkLocalIps === undefined ? {} : { linkLocal: each.linkLocalIps }),
      aliases: each.aliases,
      gateway: each === gateway,
      ...(each === second && rest !== undefined ? { gatewayFor: rest } : {}),
    };
  });
  return {
    container,
    service,
    attachments,
    ports: attachments.length === 0 ? [] : config.ports.map((port) => ({ ...port, ...boundBefore(before, port) })),
    dns: config.dns,
    dnsSearch: config.dnsSearch,
    dnsOptions: config.dnsOptions,
    extraHosts: config.extraHosts,
    links: config.links ?? [],
    ...(config.hostname === undefined ? {} : { hostname: config.hostname }),
    ...(config.domainname === undefined ? {} : { domainname: config.domainname }),
  };
}

/** The network with the default route: the highest `gw_priority` among those that lead somewhere and have such addresses. */
function gatewayOf(
  wanted: readonly NetworkAttachment[],
  { record, families }: { readonly record: NetworkRecord; readonly families: readonly Family[] },
): NetworkAttachment | undefined {
  const leads = (key: string): boolean =>
    record.networks.some(
      (entry) =>
        entry.network.key === key &&
        !entry.network.internal &&
        familiesOf(entry).some((family) => families.includes(family)),
    );
  return [...wanted]
    .filter(({ network }) => leads(network))
    .sort((a, b) => b.gatewayPriority - a.gatewayPriority || (a.network < b.network ? -1 : 1))[0];
}

const familiesOf = ({ subnets }: NetworkEntry): Family[] => subnets.map(({ cidr }) => (cidr.includes(':') ? 6 : 4));

/** The family that the network with the default route lacks. */
function familiesLeft(gateway: NetworkAttachment | undefined, record: NetworkRecord): Family | undefined {
  const entry = record.networks.find(({ network }) => network.key === gateway?.network);
  return ([4, 6] as const).find((family) => entry !== undefined && !familiesOf(entry).includes(family));
}

/** A port that the kernel has chosen before is wanted again. */
function boundBefore(before: Endpoint | undefined, port: ContainerConfig['ports'][number]): { bound?: number } {
  const same = before?.ports.find(
    (each) =>
      each.target === port.target &&
      each.protocol === port.protocol &&
      each.hostIp === port.hostIp &&
      each.published?.first === port.published?.first,
  );
  return same?.bound === undefined ? {} : { bound: same.bound };
}
