import type { ForeignAddresses } from './address-plan.ts';
import { type Address, addressBytes, formatAddress, parseAddress } from './addresses.ts';
import type { Filter, Probe } from './filters.ts';
import { linkEntries, type NameEntry, nameEntries, resolversOf } from './names.ts';
import type { BoundPort, Endpoint, NetworkRecord } from './record.ts';

/**
 * The table for the net process: native/net/net-protocol.h in TypeScript. A house test holds the two together. Pure.
 */
export const netAbi = 6;
export const netMagic = { request: 0x514e5354, reply: 0x524e5354 } as const;
export const netOp = { SET: 1, QUIT: 2, STATUS: 3 } as const;
export const netSize = {
  request: 16,
  reply: 32,
  port: 12,
  address: 20,
  listener: 76,
  fast: 40,
  container: 20,
  client: 36,
  name: 32,
  upstream: 24,
  probe: 16,
  filter: 44,
  table: 48,
} as const;
export const netFlag = { UDP: 1, DUAL: 2, KEEP_CLIENT: 4, FAST: 8, FORWARD: 1, IS_FAST: 1 } as const;
/** Set in a name's network: the rest is the container that alone knows it. */
const PRIVATE = 0x80000000;
/** A client that is a container of another project. */
const NOBODY = 0xffffffff;
const FROM = { host: 0, router: 1 } as const;

/** One listener of the table: which container's port it is. */
export type Listener = { readonly endpoint: Endpoint; readonly port: BoundPort };

/** How local clients of published ports get past the listeners, where the kernel allows it. */
export type FastPath = {
  /** The host's address on the uplink, and the index of the uplink in the router. */
  readonly hostEnd: Address;
  readonly uplink: number;
  /** Directory of the cgroup whose processes are local clients. */
  readonly cgroup: string;
  /** What programs and maps are called: at most 15 letters, digits, `_` and `.`. */
  readonly name: string;
  /** Networks that the host has a way to: the index of each one's bridge, by name. */
  readonly bridges: ReadonlyMap<string, number>;
};

/** The listeners a table has, in its order. */
export function listenersOf(record: NetworkRecord): Listener[] {
  return record.endpoints.flatMap((endpoint) => endpoint.ports.map((port) => ({ endpoint, port })));
}

/** Whether anything in the record needs the net process. */
export const needsNetProcess = (record: NetworkRecord): boolean =>
  record.endpoints.some(({ attachments }) => attachments.length > 0);

/** A request with nothing but its header. */
export function encodeNetRequest(op: number): Buffer {
  const bytes = Buffer.alloc(netSize.request);
  bytes.writeUInt32LE(netMagic.request, 0);
  bytes.writeUInt16LE(netAbi, 4);
  bytes.writeUInt16LE(op, 6);
  bytes.writeUInt32LE(netSize.request, 8);
  return bytes;
}

/** What the net process has to know besides its project's record. */
export type TableExtras = {
  /** The host's own resolvers. */
  readonly hostServers: readonly string[];
  /** Names of other projects' containers on common networks. */
  readonly foreign?: readonly NameEntry[];
  /** Those containers themselves, for reverse names. */
  readonly foreignHosts?: ForeignAddresses;
  readonly fastPath?: FastPath | undefined;
  readonly filters?: readonly Filter[];
  readonly flows?: UdpFlows | undefined;
};

/** How long nothing may come either way before a UDP flow ends: one that the container never answered, and any other. */
export type UdpFlows = { readonly unansweredMs: number; readonly answeredMs: number };

/** As conntrack has it by default. */
const usualFlows: UdpFlows = { unansweredMs: 30_000, answeredMs: 120_000 };

/** SET with everything the net process has to know. */
export function encodeNetTable(
  record: NetworkRecord,
  { hostServers, foreign = [], foreignHosts = [], fastPath, filters = [], flows = usualFlows }: TableExtras,
): Buffer {
  const strings = new Strings();
  const networkIndex = new Map(record.networks.map(({ network }, index) => [network.name, index]));
  const refs: number[] = [];
  const upstreams: Buffer[] = [];
  const containers = record.endpoints.map((endpoint) =>
    encodeContainer(endpoint, { record, networkIndex, refs, upstreams, hostServers }),
  );
  const clients = encodeClients(record, { networkIndex, strings, foreignHosts });
  const names = encodeNames(record, { networkIndex, strings, foreign });
  const joined = new Set(record.networks.filter(({ owner }) => owner !== undefined).map(({ network }) => network.name));
  const listeners = listenersOf(record).map((listener) => encodeListener(listener, { joined, fastPath }));
  const resolvers = record.networks.flatMap(resolversOf).map((address) => encodeAddress(address));
  const fast = fastPath === undefined ? [] : [encodeFastPath(fastPath, strings)];
  const kept = filters.map((filter) => encodeFilter(filter, strings));
  const texts = strings.bytes();
  const counts = [listeners, resolvers, containers, clients, names, upstreams, refs, fast, kept].map(
    ({ length }) => length,
  );
  const parts: Buffer[] = [
    ...[...counts, texts.length, flows.unansweredMs, flows.answeredMs].map(u32),
    ...listeners,
    ...resolvers,
    ...containers,
    ...clients,
    ...names,
    ...upstreams,
    ...refs.map(u32),
    ...fast,
    ...kept,
    texts,
  ];
  const size = parts.reduce<number>((sum, part) => sum + part.length, netSize.request);
  const header = encodeNetRequest(netOp.SET);
  header.writeUInt32LE(size, 8);
  return Buffer.concat([header, ...parts], size);
}

/** All texts in one run of bytes; equal ones are there once. */
class Strings {
  readonly #parts: Buffer[] = [];
  readonly #at = new Map<string, number>();
  #size = 0;

  /** Offset and length. */
  add(text: string): readonly [number, number] {
    const known = this.#at.get(text);
    if (known !== undefined) return [known, Buffer.byteLength(text)];
    const place = this.addBytes(Buffer.from(text));
    this.#at.set(text, place[0]);
    return place;
  }

  addBytes(bytes: Buffer): readonly [number, number] {
    const at = this.#size;
    this.#parts.push(bytes);
    this.#size += bytes.length;
    return [at, bytes.length];
  }

  bytes(): Buffer {
    return Buffer.concat([...this.#parts, Buffer.alloc((4 - (this.#size % 4)) % 4)]);
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** struct tsc_net_address; the empty text is no address. */
function encodeAddress(text: string, port = 0): Buffer {
  const bytes = Buffer.alloc(netSize.address);
  const address = parseAddress(text);
  if (address === undefined) return bytes;
  bytes[0] = address.family;
  bytes.writeUInt16LE(port, 2);
  bytes.set(addressBytes(address), 4);
  return bytes;
}

function encodeFastPath({ hostEnd, uplink, cgroup, name }: FastPath, strings: Strings): Buffer {
  return Buffer.concat([
    encodeAddress(formatAddress(hostEnd)),
    ...[uplink, ...strings.add(cgroup), ...strings.add(name)].map(u32),
  ]);
}

function encodeFilter({ where, needed, present, batch }: Filter, strings: Strings): Buffer {
  const probe = (each: Probe | undefined) =>
    [each?.ask ?? nothing, each?.find ?? nothing].flatMap((bytes) => strings.addBytes(bytes));
  return Buffer.concat([FROM[where], ...probe(needed), ...probe(present), ...strings.addBytes(batch)].map(u32));
}

const nothing = Buffer.alloc(0);

function encodeListener(
  { endpoint, port }: Listener,
  { joined, fastPath }: { readonly joined: ReadonlySet<string>; readonly fastPath: FastPath | undefined },
): Buffer {
  // The network with the default route: answers to any client find their way back through the router. Unless it is that of
  // another project: there our router is one member among others.
  const own = endpoint.attachments.filter(({ network }) => !joined.has(network));
  const home = own.find(({ gateway }) => gateway) ?? own[0] ?? endpoint.attachments[0];
  const second = own.find(({ gatewayFor }) => gatewayFor !== undefined);
  const keepsClient = home?.gateway === true && !joined.has(home.network);
  const first = port.bound ?? port.published?.first ?? 0;
  const last = port.bound ?? port.published?.last ?? 0;
  const tail = Buffer.alloc(4);
  tail.writeUInt16LE(last, 0);
  const bridge =
    keepsClient && home.ipv4 !== undefined && port.protocol === 'tcp' ? fastPath?.bridges.get(home.network) : undefined;
  const flags =
    (port.protocol === 'udp' ? netFlag.UDP : 0) |
    (port.hostIp === undefined ? netFlag.DUAL : 0) |
    (keepsClient ? netFlag.KEEP_CLIENT : 0) |
    (bridge === undefined ? 0 : netFlag.FAST);
  tail.writeUInt16LE(flags, 2);
  return Buffer.concat([
    encodeAddress(port.hostIp ?? '0.0.0.0', first),
    tail,
    encodeAddress(home?.ipv4 ?? second?.ipv4 ?? '', port.target),
    encodeAddress(home?.ipv6 ?? second?.ipv6 ?? '', port.target),
    u32(bridge ?? 0),
    Buffer.from(home?.mac ?? '', 'hex'),
    Buffer.alloc(2),
  ]);
}

type Shared = {
  readonly record: NetworkRecord;
  readonly networkIndex: ReadonlyMap<string, number>;
  readonly refs: number[];
  readonly upstreams: Buffer[];
  readonly hostServers: readonly string[];
};

function encodeContainer(endpoint: Endpoint, { networkIndex, refs, upstreams, hostServers }: Shared): Buffer {
  const firstRef = refs.length;
  for (const { network } of endpoint.attachments) refs.push(networkIndex.get(network) ?? 0);
  const firstUpstream = upstreams.length;
  const [servers, where] = endpoint.dns.length > 0 ? [endpoint.dns, FROM.router] : [hostServers, FROM.host];
  for (const server of servers) upstreams.push(Buffer.concat([encodeAddress(server, 53), u32(where)]));
  // Without a way out there is none for questions either (CVE-2024-29018).
  const open = endpoint.attachments.some(({ gateway }) => gateway);
  return Buffer.concat(
    [firstRef, refs.length - firstRef, firstUpstream, upstreams.length - firstUpstream, open ? netFlag.FORWARD : 0].map(
      u32,
    ),
  );
}

type Texts = { readonly networkIndex: ReadonlyMap<string, number>; readonly strings: Strings };

/** Sorted as the net process searches them: by family, then by bytes. */
function encodeClients(
  record: NetworkRecord,
  { networkIndex, strings, foreignHosts }: Texts & { readonly foreignHosts: ForeignAddresses },
): Buffer[] {
  const taken = new Set(
    record.endpoints.flatMap(({ attachments }) => attachments.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6])),
  );
  const strangers = foreignHosts.flatMap(({ network, who, address }) => {
    const text = formatAddress(address);
    if (taken.has(text)) return [];
    taken.add(text);
    const name = strings.add(`${who}.${network}`);
    return [Buffer.concat([encodeAddress(text), ...[NOBODY, networkIndex.get(network) ?? 0, ...name].map(u32)])];
  });
  const clients = record.endpoints.flatMap(({ container, attachments }, index) =>
    attachments.flatMap(({ network, ipv4, ipv6 }) =>
      [ipv4, ipv6].flatMap((text) => {
        if (text === undefined) return [];
        const name = strings.add(`${container}.${network}`);
        return [Buffer.concat([encodeAddress(text), ...[index, networkIndex.get(network) ?? 0, ...name].map(u32)])];
      }),
    ),
  );
  return [...clients, ...strangers].sort((a, b) => Number(a[0]) - Number(b[0]) || a.compare(b, 4, 20, 4, 20));
}

function encodeNames(
  record: NetworkRecord,
  { networkIndex, strings, foreign }: Texts & { readonly foreign: readonly NameEntry[] },
): Buffer[] {
  const names = [...nameEntries(record), ...foreign].map(({ network, name, address }) => ({
    network: networkIndex.get(network) ?? 0,
    bytes: Buffer.from(name),
    entry: Buffer.concat([...[networkIndex.get(network) ?? 0, ...strings.add(name)].map(u32), encodeAddress(address)]),
  }));
  for (const [index, endpoint] of record.endpoints.entries())
    for (const { name, address } of linkEntries(record, endpoint, foreign)) {
      const network = (PRIVATE | index) >>> 0;
      const entry = Buffer.concat([...[network, ...strings.add(name)].map(u32), encodeAddress(address)]);
      names.push({ network, bytes: Buffer.from(name), entry });
    }
  names.sort((a, b) => a.network - b.network || Buffer.compare(a.bytes, b.bytes));
  return names.map(({ entry }) => entry);
}

/** What a reply says about one listener. */
export type PortReply = {
  readonly listener: number;
  readonly errno: number;
  readonly port: number;
  /** Local clients are connected past the listener; only STATUS knows. */
  readonly fast: boolean;
};
export type NetReply = {
  readonly errno: number;
  readonly workerPid: number;
  readonly keeperPid: number;
  readonly connections: number;
  readonly flows: number;
  readonly ports: readonly PortReply[];
};

/** A whole reply, or undefined while there is not enough of it; throws nothing, a stranger's bytes give errno 71 (EPROTO). */
export function decodeNetReply(bytes: Buffer): NetReply | undefined {
  if (bytes.length < netSize.reply) return undefined;
  const stranger = bytes.readUInt32LE(0) !== netMagic.reply || bytes.readUInt16LE(4) !== netAbi;
  const count = stranger ? 0 : bytes.readUInt32LE(12);
  if (bytes.length < netSize.reply + count * netSize.port) return undefined;
  return {
    errno: stranger ? 71 : bytes.readInt32LE(8),
    workerPid: bytes.readInt32LE(16),
    keeperPid: bytes.readInt32LE(20),
    connections: bytes.readUInt32LE(24),
    flows: bytes.readUInt32LE(28),
    ports: Array.from({ length: count }, (_, index) => {
      const at = netSize.reply + index * netSize.port;
      return {
        listener: bytes.readUInt32LE(at),
        errno: bytes.readInt32LE(at + 4),
        port: bytes.readUInt16LE(at + 8),
        fast: (bytes.readUInt16LE(at + 10) & netFlag.IS_FAST) !== 0,
      };
    }),
  };
}
