import type { ContainerName } from '../../../model/units.ts';
import type { SetupOp } from '../frame.ts';
import type { ProjectPaths } from '../paths.ts';
import type { Wish } from './address-plan.ts';
import { hostResolver } from './host-resolver.ts';
import { writeHosts } from './hosts-file.ts';
import { interfaceOps, isConnectedWithin, placesOf, type Wiring } from './interfaces.ts';
import { nearEnds } from './legs.ts';
import { type HostResolver, hostsText, resolvConfText } from './names.ts';
import type { Endpoint, NetworkRecord } from './record.ts';
import type { LinkSeen, VethEnd } from './rtnl.ts';

/** What monitors do for the network of their containers, and what of it is left to do by us. */
export class Handover {
  readonly #at: ProjectPaths;
  /** Ends in the router of interfaces that monitors are to make. */
  readonly #nearEnds = new Map<string, readonly VethEnd[]>();
  /** Containers whose /etc/hosts is not what the record says. */
  readonly #stale = new Set<string>();

  /** As it was when names last changed. */
  #resolver: HostResolver | undefined;

  constructor(at: ProjectPaths) {
    this.#at = at;
  }

  /** Those whose monitors connect them themselves get the other ends of their interfaces, in the router with `links`. */
  prepare(record: NetworkRecord, wishes: readonly Wish[], links: readonly LinkSeen[]): NetworkRecord {
    const draw = nearEnds(links);
    const names = new Set(wishes.map(({ container }) => container));
    const endpoints = record.endpoints.map((endpoint): Endpoint => {
      const places = placesOf(endpoint, record);
      if (!names.has(endpoint.container) || !isConnectedWithin(places)) return endpoint;
      this.#nearEnds.set(endpoint.container, places.map(draw));
      // A monitor is known to live only when it has done all this.
      return { ...endpoint, attached: true };
    });
    return { ...record, endpoints };
  }

  /** How its monitor connects a container that has its place; undefined: only we can. */
  ops(container: ContainerName, ways: Omit<Wiring, 'near'>): readonly SetupOp[] | undefined {
    const { record } = ways;
    const endpoint = record.endpoints.find((each) => each.container === container);
    if (endpoint === undefined || !isConnectedWithin(placesOf(endpoint, record))) return undefined;
    return interfaceOps(endpoint, { ...ways, near: this.#nearEnds.get(container) ?? [] });
  }

  /** The texts of /etc/hosts and /etc/resolv.conf of a container that has its place. */
  files(container: ContainerName, record: NetworkRecord) {
    const endpoint = record.endpoints.find((each) => each.container === container);
    if (endpoint === undefined) return undefined;
    this.#resolver ??= hostResolver();
    return { hosts: hostsText(record, endpoint), resolvConf: resolvConfText(record, endpoint, this.#resolver) };
  }

  /** A monitor is made as planned; it writes /etc/hosts. True: it connects the container as well. */
  give(container: ContainerName): boolean {
    this.#stale.delete(container);
    return this.#nearEnds.delete(container);
  }

  /** The names that there are have changed. */
  expire({ endpoints }: NetworkRecord): void {
    this.#resolver = undefined;
    for (const { container } of endpoints) this.#stale.add(container);
  }

  /** Brings /etc/hosts up to date wherever it is there already. */
  refresh(record: NetworkRecord): void {
    if (this.#stale.size > 0) writeHosts(this.#at, record, this.#stale);
  }

  forget(): void {
    this.#stale.clear();
  }
}
