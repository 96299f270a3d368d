import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Native } from '../native.ts';
import { addressBytes, macOf, parseAddress, parseCidr } from './addresses.ts';
import { routerTable, TRANSPARENT } from './filters.ts';
import type { Request } from './netlink.ts';
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.ts';
import { inNetns, inNewNetns } from './netns.ts';
import { batch, replaceTable } from './nftables.ts';
import { FIRST_BRIDGE, FIRST_VETH, mtuOf, type NetworkEntry, type NetworkRecord } from './record.ts';
import {
  AF_INET,
  AF_INET6,
  decodeLink,
  deleteLink,
  dumpLinks,
  type LinkSeen,
  newAddress,
  newBridge,
  newMarkRule,
  newRoute,
  setLinkUp,
} from './rtnl.ts';
import { writeSysctl } from './sysctl.ts';

/**
 * The project's router: a network namespace that holds the bridges of all its networks. It is pinned by a bind mount, so
 * it outlives every process of ours, and dropping that pin takes bridges, veths, rules and routes with it.
 *
 * ~~~
 *   host netns            router netns                        a container's netns
 *   tsc1a2b3c4d ──────── uplink   br-default ──── veth1000 ──── eth0
 *                                 br-internal ─── veth1001 ──── eth1
 * ~~~
 */
export type Router = {
  readonly fd: number;
  readonly route: NetlinkSocket;
  readonly filter: NetlinkSocket;
  readonly close: () => void;
};

const LO = 1;
const NSFS_MAGIC = 0x6e736673;
const MS_BIND = 4096;
const MNT_DETACH = 2;

/** Whether the router's namespace is pinned. */
export function hasRouter(pin: string): boolean {
  try {
    return statfsSync(pin).type === NSFS_MAGIC;
  } catch {
    return false;
  }
}

/** Opens the project's router, making it first if need be. */
export function openRouter(native: Native, pin: string): Router {
  const fresh = !hasRouter(pin);
  if (fresh) {
    mkdirSync(dirname(pin), { recursive: true, mode: 0o700 });
    writeFileSync(pin, '');
    inNewNetns(native, () => {
      native.mount('/proc/thread-self/ns/net', pin, { type: 'none', flags: MS_BIND });
    });
  }
  const fd = openSync(pin, 'r');
  const sockets = inNetns(native, fd, () => {
    const route = new NetlinkSocket(native, NETLINK_ROUTE);
    setRouterSysctls();
    route.perform(basics(), 'fine');
    return { route, filter: new NetlinkSocket(native, NETLINK_NETFILTER) };
  });
  const close = (): void => {
    sockets.route.close();
    sockets.filter.close();
    closeSync(fd);
  };
  return { fd, ...sockets, close };
}

/** Lets go of the router; with its last user the kernel takes everything in it down, in its own time. */
export function dropRouter(native: Native, pin: string): void {
  if (hasRouter(pin)) native.umount(pin, MNT_DETACH);
  rmSync(pin, { force: true });
}

function setRouterSysctls(): void {
  writeSysctl('ipv4/ip_forward', '1');
  writeSysctl('ipv6/conf/all/forwarding', '1');
  // Frames between containers are none of the packet filter's business: this is what Docker's rules trip over on the host.
  writeSysctl('bridge/bridge-nf-call-iptables', '0');
  writeSysctl('bridge/bridge-nf-call-ip6tables', '0');
  writeSysctl('bridge/bridge-nf-call-arptables', '0');
  // A container on two networks may answer by either.
  writeSysctl('ipv4/conf/all/rp_filter', '0');
  writeSysctl('ipv4/conf/default/rp_filter', '0');
  // IPv6 only where a network asks for it, and never by a container's router advertisement (CVE-2020-10749).
  writeSysctl('ipv6/conf/default/disable_ipv6', '1');
  writeSysctl('ipv6/conf/default/accept_ra', '0');
  writeSysctl('ipv6/conf/default/autoconf', '0');
  writeSysctl('ipv6/conf/default/accept_dad', '0');
}

function basics(): Request[] {
  return [
    setLinkUp(LO),
    ...([AF_INET, AF_INET6] as const).flatMap((family) => [
      newMarkRule(family, TRANSPARENT),
      newRoute({ family, index: LO, table: TRANSPARENT.table, kind: 'local' }),
    ]),
  ];
}

export const linksOf = (socket: NetlinkSocket): LinkSeen[] => socket.dump(dumpLinks()).map(decodeLink);

/** Makes the bridges that are missing, takes away those that no network has any more, and puts the filter in force. */
export function ensureBridges(native: Native, router: Router, record: NetworkRecord): void {
  const links = linksOf(router.route);
  const wanted = record.networks;
  const missing = wanted.filter(
    ({ index, owner }) => owner === undefined && !links.some((link) => link.index === index),
  );
  const gone = links.filter(
    (link) =>
      link.index >= FIRST_BRIDGE && link.index < FIRST_VETH && !wanted.some(({ index }) => index === link.index),
  );
  router.route.perform(gone.map(({ index }) => deleteLink(index)));
  router.route.perform(
    missing.map((entry) =>
      newBridge({ name: entry.bridge, index: entry.index, mac: bridgeMac(entry), mtu: mtuOf(entry) }),
    ),
  );
  const six = missing.filter(({ subnets }) => subnets.some(({ cidr }) => cidr.includes(':')));
  if (six.length > 0)
    inNetns(native, router.fd, () => {
      for (const { bridge } of six) writeSysctl(`ipv6/conf/${bridge}/disable_ipv6`, '0');
    });
  router.route.perform(missing.flatMap(bridgeAddresses));
  router.filter.commit(batch(replaceTable(routerTable(record))));
  // A connection of the fast path that comes by here, because the net process has just died, is none to be translated.
  if (missing.length > 0) inNetns(native, router.fd, () => writeSysctl('netfilter/nf_conntrack_tcp_loose', '0'));
}

function bridgeMac(entry: NetworkEntry): Buffer {
  const gateway = parseAddress(entry.subnets[0]?.gateway ?? '');
  return gateway === undefined ? Buffer.from([2, 0x42, 0, 0, 0, entry.index]) : macOf(gateway);
}

function bridgeAddresses({ index, subnets }: NetworkEntry): Request[] {
  return [
    ...subnets.flatMap(({ cidr, gateway }) => {
      const address = parseAddress(gateway);
      const length = parseCidr(cidr)?.length;
      return address === undefined || length === undefined
        ? []
        : [newAddress(index, { bytes: addressBytes(address), length })];
    }),
    setLinkUp(index),
  ];
}
