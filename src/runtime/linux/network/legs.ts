import { createHash } from 'node:crypto';
import type { ProjectName } from '../../../model/units.ts';
import type { Native } from '../native.ts';
import { type Paths, projectPaths } from '../paths.ts';
import { addressBytes, parseAddress, parseCidr } from './addresses.ts';
import type { Neighbour } from './neighbours.ts';
import type { NetlinkSocket } from './netlink-socket.ts';
import { inNetns } from './netns.ts';
import { FIRST_VETH, mtuOf, type NetworkEntry, type NetworkRecord, networkPaths } from './record.ts';
import { hasRouter, linksOf, openRouter, type Router } from './router.ts';
import { type LinkSeen, newAddress, newVeth, setLinkUp, type VethEnd } from './rtnl.ts';
import { writeSysctl } from './sysctl.ts';

/** Where the bridge of a network is: in our router, or in that of the project whose network it is. */
export type Hub = {
  readonly socket: NetlinkSocket;
  /** Interface index of the bridge. */
  readonly bridge: number;
  /** The namespace belongs to another project, which names its interfaces without asking us. */
  readonly foreign: boolean;
};

/** The hubs of all networks of a record, by real name. A network whose project is not up has none. */
export class Hubs {
  readonly #hubs = new Map<string, Hub>();
  readonly #opened: Router[] = [];

  constructor(
    native: Native,
    router: Router,
    { record, paths, others }: { record: NetworkRecord; paths: Paths; others: readonly Neighbour[] },
  ) {
    const routers = new Map<string, Router>();
    for (const { network, owner, index } of record.networks) {
      if (owner === undefined) {
        this.#hubs.set(network.name, { socket: router.route, bridge: index, foreign: false });
        continue;
      }
      const { router: pin } = networkPaths(projectPaths(paths, owner as ProjectName));
      const made = others.find(({ project }) => project === owner)?.record.networks;
      const entry = made?.find((each) => each.owner === undefined && each.network.name === network.name);
      if (entry === undefined || !hasRouter(pin)) continue;
      const theirs = routers.get(owner) ?? openRouter(native, pin);
      if (!routers.has(owner)) this.#opened.push(theirs);
      routers.set(owner, theirs);
      this.#hubs.set(network.name, { socket: theirs.route, bridge: entry.index, foreign: true });
    }
  }

  find(network: string): Hub | undefined {
    return this.#hubs.get(network);
  }

  close(): void {
    for (const router of this.#opened) router.close();
  }
}

/**
 * Names and indices of interfaces to containers in our router, which has `links`. Drawn, not counted: monitors of a command
 * that was killed may still be about to make theirs.
 */
export function nearEnds(links: readonly LinkSeen[]): () => VethEnd {
  const used = new Set(links.map(({ index }) => index));
  let next = FIRST_VETH + Math.floor(Math.random() * (FIRST_FOREIGN - FIRST_VETH) * 0.9);
  return () => {
    while (used.has(++next));
    return { name: `veth${next}`, index: next };
  };
}

/** Interface indices from here on are for members of other projects. */
const FIRST_FOREIGN = 0x10000000;

/**
 * Name and index of an interface in a namespace of another project: never one of its own, and always the same. The index
 * must be given: without one the kernel ignores that of the other end too.
 */
export function foreignEnd(...parts: readonly string[]): VethEnd {
  const digest = createHash('sha256').update(parts.join('/')).digest();
  const index = FIRST_FOREIGN + (digest.readUInt32BE(0) % FIRST_FOREIGN);
  return { name: `x${digest.toString('hex').slice(0, 12)}`, index };
}

/** Gives our router its place on networks it has joined; true when one was missing. */
export function ensureLegs(
  native: Native,
  router: Router,
  { record, project, hubs }: { record: NetworkRecord; project: string; hubs: Hubs },
): boolean {
  const joined = record.networks.filter(({ owner }) => owner !== undefined);
  if (joined.length === 0) return false;
  const links = linksOf(router.route);
  let made = false;
  for (const entry of joined) {
    const hub = hubs.find(entry.network.name);
    if (hub === undefined || links.some(({ index }) => index === entry.index)) continue;
    const mac = Buffer.from(entry.leg?.mac ?? '', 'hex');
    const near = { ...foreignEnd(project, entry.network.name), master: hub.bridge };
    hub.socket.perform([
      newVeth({ near, far: { name: entry.bridge, index: entry.index, mac, netnsFd: router.fd }, mtu: mtuOf(entry) }),
    ]);
    if (entry.leg?.ipv6 !== undefined)
      inNetns(native, router.fd, () => writeSysctl(`ipv6/conf/${entry.bridge}/disable_ipv6`, '0'));
    router.route.perform(legAddresses(entry));
    made = true;
  }
  return made;
}

function legAddresses({ leg, subnets, index }: NetworkEntry) {
  const addresses = [leg?.ipv4, leg?.ipv6].flatMap((text) => {
    const address = parseAddress(text ?? '');
    const length = subnets.map(({ cidr }) => parseCidr(cidr)).find((cidr) => cidr?.family === address?.family)?.length;
    return address === undefined || length === undefined
      ? []
      : [newAddress(index, { bytes: addressBytes(address), length })];
  });
  return [...addresses, setLinkUp(index)];
}
