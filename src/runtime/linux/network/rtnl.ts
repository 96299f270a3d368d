import { invariant } from '../../../util/assert.ts';
import {
  attribute,
  type Bytes,
  be32,
  decodeAttributes,
  type Message,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  nested,
  type Request,
  readText,
  text,
  u8,
  u16,
  u32,
} from './netlink.ts';

/** rtnetlink(7) requests: links, addresses, routes, rules. Pure: each function returns what would be sent. */

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTM_NEWRULE = 32;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_IFALIAS = 20;
const IFLA_NET_NS_FD = 28;
const IFLA_NUM_TX_QUEUES = 31;
const IFLA_NUM_RX_QUEUES = 32;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_ISOLATED = 33;
const VETH_INFO_PEER = 1;
const IFLA_BR_FORWARD_DELAY = 1;
const IFLA_BR_STP_STATE = 5;
const IFLA_BR_MCAST_SNOOPING = 23;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 2;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_METRICS = 8;
const RTA_TABLE = 15;
const RTAX_MTU = 2;
const RTPROT_STATIC = 4;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_HOST = 254;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;

const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FR_ACT_TO_TBL = 1;

const IFF_UP = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
const NEW = NLM_F_CREATE | NLM_F_EXCL;
const NEW_OR_REPLACE = NLM_F_CREATE | NLM_F_REPLACE;

/** Six bytes of an Ethernet address. */
export type Mac = Uint8Array;

/** Bytes of an address (4 or 16) and the length of its network's prefix. */
export type Prefix = { readonly bytes: Uint8Array; readonly length: number };

export type Bridge = { readonly name: string; readonly index: number; readonly mac: Mac; readonly mtu: number };

/**
 * A bridge that forwards at once. Its MAC is fixed: one that is left to the kernel follows the ports, and every change of
 * it blacks out ARP for the containers behind.
 */
export function newBridge({ name, index, mac, mtu }: Bridge): Request {
  return {
    type: RTM_NEWLINK,
    flags: NEW,
    body: [
      link(index, { up: false }),
      text(IFLA_IFNAME, name),
      attribute(IFLA_ADDRESS, mac),
      attribute(IFLA_MTU, u32(mtu)),
      nested(
        IFLA_LINKINFO,
        text(IFLA_INFO_KIND, 'bridge'),
        nested(
          IFLA_INFO_DATA,
          attribute(IFLA_BR_FORWARD_DELAY, u32(0)),
          attribute(IFLA_BR_STP_STATE, u32(0)),
          attribute(IFLA_BR_MCAST_SNOOPING, u8(0)),
        ),
      ),
    ],
    intent: `make bridge ${name}`,
  };
}

export type VethEnd = { readonly name: string; readonly index: number; readonly mac?: Mac };
export type Veth = {
  readonly near: VethEnd & { readonly master?: number };
  readonly far: VethEnd & { readonly netnsFd: number };
  readonly mtu: number;
};

/**
 * Both ends of a veth, each where it belongs. The near end comes up here; the far one must not (IFF_UP on a peer that is
 * not paired yet is ENOTCONN), `setLinkUp` in its own namespace does that.
 */
export function newVeth({ near, far, mtu }: Veth): Request {
  return {
    type: RTM_NEWLINK,
    flags: NEW,
    body: [
      link(near.index, { up: true }),
      text(IFLA_IFNAME, near.name),
      ...(near.mac === undefined ? [] : [attribute(IFLA_ADDRESS, near.mac)]),
      attribute(IFLA_MTU, u32(mtu)),
      ...oneQueue(),
      ...(near.master === undefined ? [] : [attribute(IFLA_MASTER, u32(near.master))]),
      nested(
        IFLA_LINKINFO,
        text(IFLA_INFO_KIND, 'veth'),
        nested(
          IFLA_INFO_DATA,
          attribute(
            VETH_INFO_PEER,
            link(far.index, { up: false }),
            text(IFLA_IFNAME, far.name),
            ...(far.mac === undefined ? [] : [attribute(IFLA_ADDRESS, far.mac)]),
            attribute(IFLA_MTU, u32(mtu)),
            ...oneQueue(),
            attribute(IFLA_NET_NS_FD, u32(far.netnsFd)),
          ),
        ),
      ),
    ],
    intent: `connect ${near.name} to ${far.name}`,
  };
}

/** A descriptor for those who do not know it yet: whoever sends the request puts theirs in its place. */
export const NETNS_FD_LATER = 0x6e637374;

/** Where in these bytes it is; 0: nowhere. */
export const laterNetnsFd = (requests: Buffer): number => {
  const at = requests.indexOf(attribute(IFLA_NET_NS_FD, u32(NETNS_FD_LATER)), 0, 'latin1');
  return at === -1 ? 0 : at + 4;
};

/**
 * What a veth uses anyway. Left to itself the kernel makes one for each processor and takes the others away again, for which
 * it waits until no processor can see them any more, while nobody else can change anything about networks.
 */
const oneQueue = (): Bytes[] => [attribute(IFLA_NUM_TX_QUEUES, u32(1)), attribute(IFLA_NUM_RX_QUEUES, u32(1))];

export const setLinkUp = (index: number): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  body: [link(index, { up: true })],
  intent: `bring interface ${index} up`,
});

/** What ip(8) shows beside the name. */
export const setLinkAlias = (index: number, alias: string): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  body: [link(index, { up: true }), text(IFLA_IFALIAS, alias)],
  intent: `describe interface ${index}`,
});

/** The bridge passes nothing between this port and others that are isolated as well. */
export const isolatePort = (index: number): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  body: [
    link(index, { up: true }),
    nested(
      IFLA_LINKINFO,
      text(IFLA_INFO_SLAVE_KIND, 'bridge'),
      nested(IFLA_INFO_SLAVE_DATA, attribute(IFLA_BRPORT_ISOLATED, u8(1))),
    ),
  ],
  intent: `isolate interface ${index} on its bridge`,
});

export const deleteLink = (index: number): Request => ({
  type: RTM_DELLINK,
  flags: 0,
  body: [link(index, { up: false })],
  intent: `remove interface ${index}`,
});

/** Adds an address; one that is there already is replaced. Duplicate address detection is off: we choose the addresses. */
export function newAddress(index: number, { bytes, length }: Prefix): Request {
  const v4 = bytes.length === 4;
  const header = `${u8(v4 ? AF_INET : AF_INET6)}${u8(length)}${u16(0)}${u32(index)}`;
  return {
    type: RTM_NEWADDR,
    flags: NEW_OR_REPLACE,
    body: [
      header,
      attribute(IFA_LOCAL, bytes),
      attribute(IFA_ADDRESS, bytes),
      ...(v4 && length < 31 ? [attribute(IFA_BROADCAST, broadcast(bytes, length))] : []),
      ...(v4 ? [] : [attribute(IFA_FLAGS, u32(IFA_F_NODAD))]),
    ],
    intent: `add an address to interface ${index}`,
  };
}

export type Route = {
  readonly family: typeof AF_INET | typeof AF_INET6;
  /** Absent: the default route. */
  readonly to?: Prefix;
  readonly via?: Uint8Array;
  readonly index: number;
  /** 254 is the main table. */
  readonly table?: number;
  readonly metric?: number;
  /** Packets on this way are no larger, nor are peers asked to send larger ones, whatever the interface would take. */
  readonly mtu?: number;
  /** `local`: packets are for this namespace whatever their address says. */
  readonly kind?: 'unicast' | 'local';
};

/** Adds a route or replaces the one to the same destination. */
export function newRoute({ family, to, via, index, table = 254, metric, mtu, kind = 'unicast' }: Route): Request {
  const local = kind === 'local';
  const scope = local ? RT_SCOPE_HOST : via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const what = [family, to?.length ?? 0, 0, 0, table, RTPROT_STATIC, scope, local ? RTN_LOCAL : RTN_UNICAST];
  const header = `${what.map(u8).join('')}${u32(0)}`;
  return {
    type: RTM_NEWROUTE,
    flags: NEW_OR_REPLACE,
    body: [
      header,
      ...(to === undefined ? [] : [attribute(RTA_DST, to.bytes)]),
      ...(via === undefined ? [] : [attribute(RTA_GATEWAY, via)]),
      attribute(RTA_OIF, u32(index)),
      attribute(RTA_TABLE, u32(table)),
      ...(metric === undefined ? [] : [attribute(RTA_PRIORITY, u32(metric))]),
      ...(mtu === undefined ? [] : [nested(RTA_METRICS, attribute(RTAX_MTU, u32(mtu)))]),
    ],
    intent: 'add a route',
  };
}

/** Packets that carry `mark` are looked up in `table`. Refused with EEXIST when the rule is there. */
export function newMarkRule(
  family: number,
  { mark, table }: { readonly mark: number; readonly table: number },
): Request {
  const header = `${[family, 0, 0, 0, table, 0, 0, FR_ACT_TO_TBL].map(u8).join('')}${u32(0)}`;
  return {
    type: RTM_NEWRULE,
    flags: NEW,
    body: [header, attribute(FRA_FWMARK, u32(mark)), attribute(FRA_TABLE, u32(table))],
    intent: 'add a routing rule',
  };
}

export const dumpLinks = (): Request => ({
  type: RTM_GETLINK,
  flags: NLM_F_DUMP,
  body: ['\0'.repeat(16)],
  intent: 'list interfaces',
});

export const dumpAddresses = (): Request => ({
  type: RTM_GETADDR,
  flags: NLM_F_DUMP,
  body: ['\0'.repeat(8)],
  intent: 'list addresses',
});

export const dumpRoutes = (): Request => ({
  type: RTM_GETROUTE,
  flags: NLM_F_DUMP,
  body: ['\0'.repeat(12)],
  intent: 'list routes',
});

export type LinkSeen = {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac?: Buffer;
  readonly master?: number;
  /** Index of the other end of a veth, in that end's namespace. */
  readonly peer?: number;
  /** What `setLinkAlias` says of it. */
  readonly alias?: string;
};

/** One message of the answer to `dumpLinks`. */
export function decodeLink(message: Message): LinkSeen {
  invariant(message.type === RTM_NEWLINK && message.body.length >= 16, 'the answer to a dump of links holds links');
  const attributes = decodeAttributes(message.body.subarray(16));
  const mac = attributes.get(IFLA_ADDRESS);
  const master = attributes.get(IFLA_MASTER)?.readUInt32LE(0);
  const peer = attributes.get(IFLA_LINK)?.readUInt32LE(0);
  const alias = readText(attributes.get(IFLA_IFALIAS));
  return {
    index: message.body.readInt32LE(4),
    name: readText(attributes.get(IFLA_IFNAME)) ?? '',
    up: (message.body.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    ...(mac === undefined ? {} : { mac }),
    ...(master === undefined ? {} : { master }),
    ...(peer === undefined ? {} : { peer }),
    ...(alias === undefined ? {} : { alias }),
  };
}

export type AddressSeen = Prefix & { readonly index: number };

/** One message of the answer to `dumpAddresses`. */
export function decodeAddress(message: Message): AddressSeen {
  invariant(
    message.type === RTM_NEWADDR && message.body.length >= 8,
    'the answer to a dump of addresses holds addresses',
  );
  const attributes = decodeAttributes(message.body.subarray(8));
  return {
    index: message.body.readUInt32LE(4),
    length: message.body.readUInt8(1),
    bytes: attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(0),
  };
}

export type RouteSeen = {
  readonly family: number;
  /** Absent: a default route. */
  readonly to?: Prefix;
  readonly index?: number;
  readonly table: number;
  readonly kind: number;
};

/** One message of the answer to `dumpRoutes`. */
export function decodeRoute(message: Message): RouteSeen {
  invariant(message.type === RTM_NEWROUTE && message.body.length >= 12, 'the answer to a dump of routes holds routes');
  const attributes = decodeAttributes(message.body.subarray(12));
  const to = attributes.get(RTA_DST);
  const index = attributes.get(RTA_OIF)?.readUInt32LE(0);
  return {
    family: message.body.readUInt8(0),
    ...(to === undefined ? {} : { to: { bytes: to, length: message.body.readUInt8(1) } }),
    ...(index === undefined ? {} : { index }),
    table: attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? message.body.readUInt8(4),
    kind: message.body.readUInt8(7),
  };
}

function link(index: number, { up }: { readonly up: boolean }): Bytes {
  const flags = u32(up ? IFF_UP : 0);
  return `${u8(0)}${u8(0)}${u16(0)}${u32(index)}${flags}${flags}`;
}

const broadcast = (address: Uint8Array, length: number): Bytes =>
  be32(Buffer.from(address).readUInt32BE(0) | (0xffffffff >>> length));
