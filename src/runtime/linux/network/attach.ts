import { closeSync, openSync } from 'node:fs';
import type { Native } from '../native.ts';
import { bornWith, broughtUpWith, ownRequests, placesOf, portRequests, wire } from './interfaces.ts';
import { foreignEnd, type Hub, type Hubs, nearEnds } from './legs.ts';
import type { Acknowledgement, Request } from './netlink.ts';
import { NETLINK_ROUTE, NetlinkError, NetlinkSocket } from './netlink-socket.ts';
import { inNetns } from './netns.ts';
import type { Endpoint, NetworkRecord } from './record.ts';
import { linksOf, type Router } from './router.ts';
import { deleteLink } from './rtnl.ts';
import { writeSysctl } from './sysctl.ts';

/** A container whose network namespace is there. */
export type Guest = {
  readonly endpoint: Endpoint;
  /** A process in that namespace: its monitor. */
  readonly pid: number;
};

export type AttachRefusal = { readonly container: string; readonly error: NetlinkError };

type Inside = { readonly guest: Guest; readonly fd: number; readonly socket: NetlinkSocket };

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
    const draw = nearEnds(linksOf(router.route));
    const wires = inside.flatMap((each) =>
      placesOf(each.guest.endpoint, record).flatMap((place) => {
        const hub = hubs.find(place.entry.network.name);
        if (hub === undefined) return [];
        const { container } = each.guest.endpoint;
        const near = hub.foreign ? foreignEnd(place.entry.network.name, container) : draw();
        const request = wire(place, { near: { ...near, master: hub.bridge }, netnsFd: each.fd });
        return [{ each, hub, request, inside: place.index, after: portRequests(place, near) }];
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
    for (const [key, value] of bornWith) writeSysctl(key, value);
    return new NetlinkSocket(native, NETLINK_ROUTE);
  });
  return { guest, fd, socket };
}

function configure(
  native: Native,
  { guest, fd, socket }: Inside,
  ways: Pick<Attaching, 'record' | 'outsideMtu'>,
): void {
  const places = placesOf(guest.endpoint, ways.record);
  const six = broughtUpWith(places);
  if (six.length > 0)
    inNetns(native, fd, () => {
      for (const [key, value] of six) writeSysctl(key, value);
    });
  socket.perform(ownRequests(places, ways));
}
