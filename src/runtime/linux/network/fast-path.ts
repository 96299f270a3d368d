import { readFileSync } from 'node:fs';
import { unifiedRoot } from '../cgroup/detect.ts';
import type { Native } from '../native.ts';
import { addressBytes, addressFromBytes, type Cidr, cidrOf, nth, overlaps, parseCidr } from './addresses.ts';
import type { FastPath } from './net-table.ts';
import { NETLINK_ROUTE, NetlinkSocket } from './netlink-socket.ts';
import { type NetworkEntry, type NetworkRecord, UPLINK } from './record.ts';
import { linksOf } from './router.ts';
import { AF_INET, decodeRoute, dumpRoutes, newRoute, type RouteSeen } from './rtnl.ts';

/**
 * What must be there for local clients of a published port to be connected straight to the container: the host's way to
 * the container's network, over the uplink. Undefined when there is none to be had; the net process finds out for itself
 * what the kernel thinks of it.
 */
export function prepareFastPath(native: Native, link: string, record: NetworkRecord): FastPath | undefined {
  const uplink = parseCidr(record.uplink ?? '');
  const networks = record.networks.filter((entry) => isCandidate(entry, record));
  const cgroup = unifiedRoot(readFileSync('/proc/self/mountinfo', 'utf8'));
  if (uplink === undefined || networks.length === 0 || cgroup === undefined) return undefined;
  const home = new NetlinkSocket(native, NETLINK_ROUTE);
  try {
    const index = linksOf(home).find(({ name }) => name === link)?.index;
    if (index === undefined) return undefined;
    const routes = home.dump(dumpRoutes()).map(decodeRoute);
    const via = addressBytes(nth(uplink, 2));
    const reached = networks.filter(({ subnets }) => {
      const subnet = fourOf(subnets);
      if (subnet === undefined || routes.some((route) => isInTheWay(route, subnet, index))) return false;
      const to = { bytes: addressBytes(nth(subnet, 0)), length: subnet.length };
      if (!routes.some((route) => route.index === index && sameSubnet(route, subnet)))
        home.perform([newRoute({ family: AF_INET, to, via, index })]);
      return true;
    });
    return {
      hostEnd: nth(uplink, 1),
      uplink: UPLINK.index,
      cgroup,
      name: link,
      bridges: new Map(reached.map(({ network, index: bridge }) => [network.name, bridge])),
    };
  } finally {
    home.close();
  }
}

/** A network of our own with a published port, whose subnet we have chosen: one from the file may be somebody's on the host. */
function isCandidate({ network, owner }: NetworkEntry, record: NetworkRecord): boolean {
  if (owner !== undefined || network.internal || network.subnets.some(({ subnet }) => parseCidr(subnet)?.family === 4))
    return false;
  return record.endpoints.some(
    ({ attachments, ports }) =>
      ports.some(({ protocol }) => protocol === 'tcp') && attachments.some((each) => each.network === network.name),
  );
}

const fourOf = (subnets: NetworkEntry['subnets']): Cidr | undefined =>
  subnets.map(({ cidr }) => parseCidr(cidr)).find((cidr) => cidr?.family === 4);

function destination({ to }: RouteSeen): Cidr | undefined {
  return to === undefined || to.length === 0 ? undefined : cidrOf(addressFromBytes(to.bytes), to.length);
}

/** A route of somebody else's that knows the subnet, or a part of it, better than we do. */
function isInTheWay(route: RouteSeen, subnet: Cidr, ours: number): boolean {
  const to = destination(route);
  return to !== undefined && route.index !== ours && to.length >= subnet.length && overlaps(to, subnet);
}

function sameSubnet(route: RouteSeen, subnet: Cidr): boolean {
  const to = destination(route);
  return to !== undefined && to.length === subnet.length && overlaps(to, subnet);
}
