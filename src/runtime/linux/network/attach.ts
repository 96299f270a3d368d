import { closeSync, openSync } from 'node:fs';
import type { Native } from '../native.ts';
import { addressBytes, nth, parseAddress, parseCidr } from './addresses.ts';
import { FIRST_FOREIGN, foreignEnd, type Hub, type Hubs } from './legs.ts';
import type { Acknowledgement, Request } from './netlink.ts';
import { NETLINK_ROUTE, NetlinkError, NetlinkSocket } from './netlink-socket.ts';
import { inNetns } from './netns.ts';
import { type Attachment, type Endpoint, FIRST_VETH, mtuOf, type NetworkEntry, type NetworkRecord } from './record.ts';
import { linksOf, type Router } from './router.ts';
import {
  AF_INET,
  AF_INET6,
  deleteLink,
  isolatePort,
  newAddress,
  newRoute,
  newVeth,
  setLinkUp,
  type Veth,
} from './rtnl.ts';
import { writeSysctl } from './sysctl.ts';

/** A container whose network namespace is there. */
export type Guest = {
  readonly endpoint: Endpoint;
  /** A process in that namespace: its monitor. */
  readonly pid: number;
};

export type AttachRefusal = { readonly container: string; readonly error: NetlinkError };

/** Interface index of the first of ours in a container. */
const FIRST_INSIDE = 10;

type Inside = { readonly guest: Guest; readonly fd: number; readonly socket: NetlinkSocket };
type Place = { readonly attachment: Attachment; readonly entry: NetworkEntry; readonly index: number };

/**
 * Gives containers their interfaces: one visit to each container's namespace, one datagram that makes all veths in place,
 * one datagram a container for addresses and routes. A container that has its interfaces already keeps them.
 */
export function attachGuests(
  native: Native,
  router: Router,
  { record, guests, outsideMtu, hubs }: Attaching,
): AttachRefusal[] {
  const inside = guests.map((guest) => enter(native, guest));
  try {
    const own = linksOf(router.route).filter(({ index }) => index < FIRST_FOREIGN);
    let next = Math.max(FIRST_VETH - 1, ...own.map(({ index }) => index));
    const wires = inside.flatMap((each) =>
      placesOf(each.guest.endpoint, record).flatMap((place) => {
        const hub = hubs.find(place.entry.network.name);
        if (hub === undefined) return [];
        const { container } = each.guest.endpoint;
        const near = hub.foreign
          ? foreignEnd(place.entry.network.name, container)
          : { name: `veth${++next}`, index: next };
        const request = wire(place, { near: { ...near, master: hub.bridge }, netnsFd: each.fd });
        const isolated = place.entry.network.options?.isolated === true;
        return [{ each, hub, request, inside: place.index, after: isolated ? [isolatePort(near.index)] : [] }];
      }),
    );
    const answers = askAll(wires);
    const refusals: AttachRefusal[] = [];
    const fresh = new Set<Inside>();
    for (const { each, hub, request, inside: index, after } of wires) {
      let answer = answers.get(request);
      if (answer?.errno === EEXIST && each.guest.endpoint.attached !== true) {
        // A command was killed over it: nobody knows how far it came.
        each.socket.ask([deleteLink(index)]);
        answer = hub.socket.ask([request])[0];
      }
      if (answer === undefined || answer.errno === 0) {
        fresh.add(each);
        hub.socket.perform(after);
      } else if (answer.errno !== EEXIST)
        refusals.push({ container: each.guest.endpoint.container, error: new NetlinkError(request, answer) });
    }
    for (const each of inside) if (fresh.has(each)) configure(native, each, { record, outsideMtu });
    return refusals;
  } finally {
    for (const { socket, fd } of inside) {
      socket.close();
      closeSync(fd);
    }
  }
}

/** The record in which those of `guests` that were not refused have their interfaces. */
export function withAttached(
  record: NetworkRecord,
  guests: readonly Guest[],
  refusals: readonly AttachRefusal[],
): NetworkRecord {
  const done = new Set(guests.map(({ endpoint }) => endpoint.container));
  for (const { container } of refusals) done.delete(container);
  const endpoints = record.endpoints.map(
    (each): Endpoint => (done.has(each.container) ? { ...each, attached: true } : each),
  );
  return { ...record, endpoints };
}

const EEXIST = 17;

type Attaching = {
  readonly record: NetworkRecord;
  readonly guests: readonly Guest[];
  readonly outsideMtu: number;
  readonly hubs: Hubs;
};

/** One exchange for each namespace that has bridges. */
function askAll(wires: readonly { readonly hub: Hub; readonly request: Request }[]) {
  const answers = new Map<Request, Acknowledgement | undefined>();
  for (const socket of new Set(wires.map(({ hub }) => hub.socket))) {
    const requests = wires.filter(({ hub }) => hub.socket === socket).map(({ request }) => request);
    for (const [at, answer] of socket.ask(requests).entries()) answers.set(requests[at] as Request, answer);
  }
  return answers;
}

function enter(native: Native, guest: Guest): Inside {
  const fd = openSync(`/proc/${guest.pid}/ns/net`, 'r');
  const socket = inNetns(native, fd, () => {
    // Before the interfaces are there: what they are born with is what counts (CVE-2024-32473, CVE-2020-10749).
    writeSysctl('ipv6/conf/default/disable_ipv6', '1');
    writeSysctl('ipv6/conf/default/accept_ra', '0');
    writeSysctl('ipv6/conf/default/autoconf', '0');
    writeSysctl('ipv6/conf/default/accept_dad', '0');
    return new NetlinkSocket(native, NETLINK_ROUTE);
  });
  return { guest, fd, socket };
}

function placesOf(endpoint: Endpoint, record: NetworkRecord): Place[] {
  return endpoint.attachments.flatMap((attachment, position) => {
    const entry = record.networks.find(({ network }) => network.name === attachment.network);
    return entry === undefined ? [] : [{ attachment, entry, index: FIRST_INSIDE + position }];
  });
}

function wire(
  { attachment, entry, index }: Place,
  { near, netnsFd }: { readonly near: Veth['near']; readonly netnsFd: number },
): Request {
  const mac = Buffer.from(attachment.mac, 'hex');
  return newVeth({ near, far: { name: attachment.interfaceName, index, mac, netnsFd }, mtu: mtuOf(entry) });
}

function configure(native: Native, { guest, fd, socket }: Inside, ways: Ways): void {
  const { record } = ways;
  const places = placesOf(guest.endpoint, record);
  const six = places.filter(
    ({ attachment: { ipv6, linkLocal = [] } }) => ipv6 !== undefined || linkLocal.some((text) => text.includes(':')),
  );
  if (six.length > 0)
    inNetns(native, fd, () => {
      for (const { attachment } of six) writeSysctl(`ipv6/conf/${attachment.interfaceName}/disable_ipv6`, '0');
    });
  // Routes need all interfaces up.
  socket.perform([...places.flatMap(addressRequests), ...places.flatMap((place) => routeRequests(place, ways))]);
}

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

type Ways = Pick<Attaching, 'record' | 'outsideMtu'>;

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
