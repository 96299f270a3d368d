import { closeSync, openSync } from 'node:fs';
import type { Native } from '../native.ts';
import { addressBytes, addressFromBytes, type Cidr, cidrOf, nth, parseCidr, uniqueLocalSubnet } from './addresses.ts';
import { acceptRules, hostTable } from './filters.ts';
import type { HostNames } from './host-names.ts';
import {
  changeSysctl,
  forwardIpv6,
  type HostSysctls,
  memoryPath,
  restoreSysctls,
  sweepMemories,
} from './host-sysctls.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkError, NetlinkSocket } from './netlink-socket.ts';
import { inNetns } from './netns.ts';
import {
  batch,
  decodeChain,
  decodeRule,
  deleteRule,
  deleteTable,
  dumpChains,
  dumpRules,
  mentionsInterface,
  type NfFamily,
  type RulePlace,
  replaceTable,
  type Table,
} from './nftables.ts';
import { LARGEST_MTU, UPLINK } from './record.ts';
import { linksOf, type Router } from './router.ts';
import {
  AF_INET,
  AF_INET6,
  decodeRoute,
  deleteLink,
  dumpRoutes,
  newAddress,
  newRoute,
  newVeth,
  setLinkAlias,
  setLinkUp,
} from './rtnl.ts';
import { writeSysctl } from './sysctl.ts';

/** Everything we do in the host's own network namespace: one veth, one nft table, an accept where others drop, sysctls. */

const MAIN_TABLE = 254;
const NF_FORWARD = 2;
const LARGEST_OUTSIDE = 1500;

export type HostView = {
  /** Where the host already goes: prefixes that a new subnet must not touch. */
  readonly taken: readonly Cidr[];
  /** MTU of the way out, at most 1500: a larger one would only meet fragmentation there. */
  readonly outsideMtu: number;
};

/** What the host's routes and interfaces say, those over the project's own `uplink` left out. */
export function viewHost(native: Native, uplink: string): HostView {
  const socket = new NetlinkSocket(native, NETLINK_ROUTE);
  try {
    const routes = socket.dump(dumpRoutes()).map(decodeRoute);
    const links = linksOf(socket);
    const ours = links.find(({ name }) => name === uplink)?.index;
    const taken = routes.flatMap(({ to, index }) =>
      to === undefined || to.length === 0 || (index !== undefined && index === ours)
        ? []
        : [cidrOf(addressFromBytes(to.bytes), to.length)],
    );
    const out = routes.find(({ family, to, table }) => family === AF_INET && to === undefined && table === MAIN_TABLE);
    const link = links.find(({ index }) => index === out?.index);
    return { taken, outsideMtu: Math.min(link?.mtu ?? LARGEST_OUTSIDE, LARGEST_OUTSIDE) };
  } finally {
    socket.close();
  }
}

export type Uplink = {
  readonly names: HostNames;
  readonly project: string;
  readonly cidr: string;
  readonly outsideMtu: number;
  /** The project has a network with IPv6 that leads outside. */
  readonly ipv6: boolean;
};

/** Connects the router with the host and lets its packets through there. */
export function ensureUplink(native: Native, router: Router, uplink: Uplink): void {
  const { link: name, seed } = uplink.names;
  const four = parseCidr(uplink.cidr) as Cidr;
  const six = uniqueLocalSubnet(seed);
  const mtu = uplink.outsideMtu;
  const home = new NetlinkSocket(native, NETLINK_ROUTE);
  try {
    if (!linksOf(router.route).some(({ index }) => index === UPLINK.index)) makeVeth(router, { home, name });
    const index = linksOf(home).find((link) => link.name === name)?.index ?? 0;
    const address = (cidr: Cidr, host: number) => addressBytes(nth(cidr, host));
    if (uplink.ipv6) {
      writeSysctl(`ipv6/conf/${name}/disable_ipv6`, '0');
      inNetns(native, router.fd, () => writeSysctl(`ipv6/conf/${UPLINK.name}/disable_ipv6`, '0'));
    }
    home.perform([
      newAddress(index, { bytes: address(four, 1), length: 30 }),
      ...(uplink.ipv6 ? [newAddress(index, { bytes: address(six, 1), length: 64 })] : []),
      setLinkUp(index),
      setLinkAlias(index, `${CONNECTED}${uplink.project}`),
    ]);
    router.route.perform([
      newAddress(UPLINK.index, { bytes: address(four, 2), length: 30 }),
      ...(uplink.ipv6 ? [newAddress(UPLINK.index, { bytes: address(six, 2), length: 64 })] : []),
      setLinkUp(UPLINK.index),
      newRoute({ family: AF_INET, via: address(four, 1), index: UPLINK.index, mtu }),
      ...(uplink.ipv6 ? [newRoute({ family: AF_INET6, via: address(six, 1), index: UPLINK.index, mtu })] : []),
    ]);
  } finally {
    home.close();
  }
  const sysctls = hostSysctls(native);
  sweepMemories(native, sysctls);
  changeSysctl(sysctls, 'ipv4/ip_forward', '1');
  if (uplink.ipv6) forwardIpv6(sysctls);
  letThrough(native, name, hostTable(uplink.names, uplink.cidr));
}

function makeVeth(router: Router, { home, name }: { readonly home: NetlinkSocket; readonly name: string }): void {
  const host = openSync('/proc/thread-self/ns/net', 'r');
  const veth = newVeth({ near: UPLINK, far: { name, index: 0, netnsFd: host }, mtu: LARGEST_MTU });
  try {
    // That of a router we have let go of, and the kernel has not come to yet; if it has meanwhile, so much the better.
    const stale = linksOf(home).filter((link) => link.name === name);
    home.ask(stale.map(({ index }) => deleteLink(index)));
    router.route.perform([veth]);
  } finally {
    closeSync(host);
  }
  // The host's defaults would apply to its end, among them what a router advertisement may do; here nothing may.
  writeSysctl(`ipv6/conf/${name}/disable_ipv6`, '1');
  writeSysctl(`ipv6/conf/${name}/accept_ra`, '0');
  writeSysctl(`ipv4/conf/${name}/rp_filter`, '2');
}

/**
 * Our table translates what comes from the router and keeps the host's neighbours from reaching into it. An accept there
 * cannot overrule a drop elsewhere, so where iptables' FORWARD drops by default (Docker, ufw) it gets a rule as well.
 */
function letThrough(native: Native, name: string, table: Table): void {
  const socket = new NetlinkSocket(native, NETLINK_NETFILTER);
  try {
    socket.commit(batch(replaceTable(table)));
    for (const place of droppingChains(socket)) {
      if (rulesAbout(socket, place, name).length === 0) socket.commit(batch(acceptRules(place, name)));
    }
  } finally {
    socket.close();
  }
}

/** Where a packet that is only forwarded would be dropped: DOCKER-USER, which Docker leaves to others, or FORWARD itself. */
function droppingChains(socket: NetlinkSocket): RulePlace[] {
  return (['ip', 'ip6'] as const).flatMap((family): RulePlace[] => {
    const seen = socket.dump(dumpChains(family)).map(decodeChain);
    const chains = seen.filter(({ table }) => table === 'filter');
    const user = chains.find((chain) => chain.name === 'DOCKER-USER');
    const forward = chains.find((chain) => chain.hook === NF_FORWARD && chain.policy === 'drop');
    const found = user ?? forward;
    return found === undefined ? [] : [{ family, name: 'filter', chain: found.name }];
  });
}

const rulesAbout = (socket: NetlinkSocket, place: RulePlace, name: string): bigint[] =>
  socket
    .dump(dumpRules(place))
    .map(decodeRule)
    .filter((rule) => mentionsInterface(rule, name))
    .map(({ handle }) => handle);

/** Takes back what `ensureUplink` did to the host; the veth goes with the router, in the kernel's own time. */
export function dropUplink(native: Native, { link: name, table }: HostNames): void {
  disconnect(native, name);
  const socket = new NetlinkSocket(native, NETLINK_NETFILTER);
  try {
    socket.commit(batch(deleteTable({ family: 'inet', name: table })));
    for (const family of ['ip', 'ip6'] as const satisfies readonly NfFamily[])
      for (const chain of ['DOCKER-USER', 'FORWARD']) {
        const place = { family, name: 'filter', chain };
        const handles = existing(() => rulesAbout(socket, place, name));
        if (handles.length > 0) socket.commit(batch(handles.map((handle) => deleteRule({ ...place, handle }))));
      }
  } finally {
    socket.close();
  }
  restoreSysctls(hostSysctls(native));
}

/** What the description of an uplink begins with while its project needs the host to let packets through. */
const CONNECTED = 'tscompose ';

function disconnect(native: Native, name: string): void {
  const socket = new NetlinkSocket(native, NETLINK_ROUTE);
  try {
    const index = linksOf(socket).find((link) => link.name === name)?.index;
    // ENODEV: the kernel was faster.
    if (index !== undefined) socket.ask([setLinkAlias(index, '')]);
  } finally {
    socket.close();
  }
}

/** The uplinks themselves are what tells: they are here whatever root their projects are below, and go with their routers. */
function weForward(native: Native): boolean {
  const socket = new NetlinkSocket(native, NETLINK_ROUTE);
  try {
    return linksOf(socket).some(({ name, alias }) => /^tsc[0-9a-f]{8}$/.test(name) && alias?.startsWith(CONNECTED));
  } finally {
    socket.close();
  }
}

const forwarders = /^(DOCKER|NETAVARK|CNI-|KUBE-|LIBVIRT_)/;

function hostSysctls(native: Native): HostSysctls {
  const othersForward = (): boolean => {
    const socket = new NetlinkSocket(native, NETLINK_NETFILTER);
    try {
      const chains = (['ip', 'ip6', 'inet'] as const).flatMap((family) => socket.dump(dumpChains(family)));
      return chains.map(decodeChain).some(({ table, name }) => forwarders.test(name) || table === 'netavark');
    } finally {
      socket.close();
    }
  };
  return { memory: memoryPath(native), othersForward, weForward: () => weForward(native) };
}

/** What a dump finds, or nothing when what it asks about is not there. */
function existing<T>(dump: () => T[]): T[] {
  try {
    return dump();
  } catch (error) {
    if (error instanceof NetlinkError && error.code === 'ENOENT') return [];
    throw error;
  }
}
