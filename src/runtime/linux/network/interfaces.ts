import { nulTerminated, type SetupOp } from '../frame.ts';
import { op } from '../sandbox/op.ts';
import { addressBytes, nth, parseAddress, parseCidr } from './addresses.ts';
import { encodeRequests, type Request } from './netlink.ts';
import { type Attachment, type Endpoint, mtuOf, type NetworkEntry, type NetworkRecord } from './record.ts';
import {
  AF_INET,
  AF_INET6,
  isolatePort,
  laterNetnsFd,
  NETNS_FD_LATER,
  newAddress,
  newRoute,
  newVeth,
  setLinkUp,
  type Veth,
  type VethEnd,
} from './rtnl.ts';

/** What the interfaces of a container are made of. Pure: requests and ops, for whoever carries them out. */

/** Interface index of the first of ours in a container. */
const FIRST_INSIDE = 10;

/** One interface of a container, and the network that it is on. */
export type Place = { readonly attachment: Attachment; readonly entry: NetworkEntry; readonly index: number };

/** Set before the interfaces are there: what they are born with is what counts (CVE-2024-32473, CVE-2020-10749). */
export const bornWith: readonly (readonly [string, string])[] = [
  ['ipv6/conf/default/disable_ipv6', '1'],
  ['ipv6/conf/default/accept_ra', '0'],
  ['ipv6/conf/default/autoconf', '0'],
  ['ipv6/conf/default/accept_dad', '0'],
];

/** Set once they are there: IPv6 exists on interfaces only that have such an address. */
export const broughtUpWith = (places: readonly Place[]): [string, string][] =>
  places
    .filter(
      ({ attachment: { ipv6, linkLocal = [] } }) => ipv6 !== undefined || linkLocal.some((text) => text.includes(':')),
    )
    .map(({ attachment }) => [`ipv6/conf/${attachment.interfaceName}/disable_ipv6`, '0']);

/** Its places on the networks that there are, in the order of its interfaces. */
export function placesOf(endpoint: Endpoint, record: NetworkRecord): Place[] {
  return endpoint.attachments.flatMap((attachment, position) => {
    const entry = record.networks.find(({ network }) => network.name === attachment.network);
    return entry === undefined ? [] : [{ attachment, entry, index: FIRST_INSIDE + position }];
  });
}

/** All of them are on networks of the project itself: nothing is to be made in a namespace of another one. */
export const isConnectedWithin = (places: readonly Place[]): boolean =>
  places.every(({ entry }) => entry.owner === undefined);

/** Both ends of one of its interfaces. `netnsFd` is its network namespace. */
export function wire(
  { attachment, entry, index }: Place,
  { near, netnsFd }: { readonly near: Veth['near']; readonly netnsFd: number },
): Request {
  const mac = Buffer.from(attachment.mac, 'hex');
  return newVeth({ near, far: { name: attachment.interfaceName, index, mac, netnsFd }, mtu: mtuOf(entry) });
}

/** What else its interface gets on the bridge. */
export const portRequests = ({ entry }: Place, near: VethEnd): Request[] =>
  entry.network.options?.isolated === true ? [isolatePort(near.index)] : [];

type Ways = {
  readonly record: NetworkRecord;
  /** What the way out takes. */
  readonly outsideMtu: number;
};

/** Addresses and routes of its interfaces, for its own namespace. */
export const ownRequests = (places: readonly Place[], ways: Ways): Request[] => [
  ...places.flatMap(addressRequests),
  // Routes need all interfaces up.
  ...places.flatMap((place) => routeRequests(place, ways)),
];

function addressRequests({ attachment, entry, index }: Place): Request[] {
  const addresses = [attachment.ipv4, attachment.ipv6].flatMap((text) => {
    const address = parseAddress(text ?? '');
    const subnet = entry.subnets.map(({ cidr }) => parseCidr(cidr)).find((cidr) => cidr?.family === address?.family);
    if (address === undefined || subnet === undefined) return [];
    return [newAddress(index, { bytes: addressBytes(address), length: subnet.length })];
  });
  const local = (attachment.linkLocal ?? []).flatMap((text) => {
    const address = parseAddress(text);
    if (address === undefined) return [];
    return [newAddress(index, { bytes: addressBytes(address), length: address.family === 4 ? 16 : 64 })];
  });
  return [...addresses, ...local, setLinkUp(index)];
}

function routeRequests({ attachment, entry, index }: Place, { record, outsideMtu }: Ways): Request[] {
  if (!attachment.gateway && attachment.gatewayFor === undefined) return [];
  const mtu = Math.min(outsideMtu, mtuOf(entry));
  const uplink = entry.owner === undefined ? parseCidr(record.uplink ?? '') : undefined;
  return entry.subnets.flatMap(({ gateway }) => {
    const via = parseAddress(gateway);
    if (via === undefined || (!attachment.gateway && attachment.gatewayFor !== via.family)) return [];
    if (via.family === 6) return [newRoute({ family: AF_INET6, via: addressBytes(via), index, mtu })];
    const out = newRoute({ family: AF_INET, via: addressBytes(via), index, mtu });
    if (uplink === undefined) return [out];
    // The host itself, as local clients of published ports come from there, is no further away than the bridge.
    const to = { bytes: addressBytes(nth(uplink, 1)), length: 32 };
    return [out, newRoute({ family: AF_INET, to, via: addressBytes(via), index })];
  });
}

/** The router that has the bridges, and the ends there of a container's interfaces. */
export type Wiring = Ways & { readonly router: string; readonly near: readonly VethEnd[] };

/** As many ops for a container as ever: whoever reads of a failed one later must find it by its place in the program. */
export function interfaceOps(endpoint: Endpoint, { router, near, ...ways }: Wiring): SetupOp[] {
  const places = placesOf(endpoint, ways.record);
  const wires = places.map((place, at) => {
    const end = near[at];
    if (end === undefined) return netlinkOp(router, []);
    const cable = wire(place, { near: { ...end, master: place.entry.index }, netnsFd: NETNS_FD_LATER });
    return netlinkOp(router, [cable, ...portRequests(place, end)]);
  });
  return [sysctlsOp(bornWith), ...wires, sysctlsOp(broughtUpWith(places)), netlinkOp('', ownRequests(places, ways))];
}

const sysctlsOp = (settings: readonly (readonly [string, string])[]): SetupOp =>
  op('NET_SYSCTLS', { strings: [nulTerminated(settings.map(([key, value]) => `${key}=${value}`))] });

function netlinkOp(netns: string, requests: readonly Request[]): SetupOp {
  const bytes = encodeRequests(requests, 1);
  return op('NETLINK', { numbers: [laterNetnsFd(bytes)], strings: [netns, bytes], configPath: 'networks' });
}
