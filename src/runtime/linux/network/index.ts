import { existsSync, rmdirSync, rmSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { Network } from '../../../model/project.ts';
import type { ContainerName } from '../../../model/units.ts';
import { err, ok } from '../../../util/result.ts';
import type { SetupOp } from '../frame.ts';
import { loadNative, type Native } from '../native.ts';
import { addEndpoints, addNetwork, addUplink, type Wish } from './address-plan.ts';
import { type AttachRefusal, attachGuests, type Guest, withAttached } from './attach.ts';
import { failureOf, inUse } from './failure.ts';
import { prepareFastPath } from './fast-path.ts';
import { Handover } from './handover.ts';
import { withHostLock } from './host-lock.ts';
import { type HostNames, hostNames } from './host-names.ts';
import { dropUplink, ensureUplink, type HostView, viewHost } from './host-side.ts';
import { ensureLegs, Hubs } from './legs.ts';
import { beginNetProcess, ensureNetProcess, type NetProcess, quitNetProcess, setNetTable } from './net-process.ts';
import { needsNetProcess } from './net-table.ts';
import type { Found, Held, NetworkingOptions } from './options.ts';
import { takeReply } from './ports.ts';
import {
  type NetworkPaths,
  type NetworkRecord,
  networkPaths,
  readNetworkRecord,
  removeNetworkRecord,
  writeNetworkRecord,
} from './record.ts';
import { dropRouter, ensureBridges, hasRouter, linksOf, openRouter, type Router } from './router.ts';
import { Sharing } from './sharing.ts';
import { guarded, type Outcome, Turn } from './turn.ts';

export { readEndpoints } from './record.ts';

type Waiting<T> = { readonly item: T; readonly settle: (outcome: Outcome) => void };

/**
 * The networks of one project, for one session under its lock. Everything is made at its first use and again when it is
 * gone: nothing is assumed to have survived from the command before. Requests that come together are done together.
 */
export class Networking {
  readonly #options: NetworkingOptions;
  readonly #where: NetworkPaths;
  readonly #names: HostNames;
  readonly #sharing: Sharing;
  #record: NetworkRecord | undefined;
  #native: Native | undefined;
  #router: Router | undefined;
  #hubs: Hubs | undefined;
  #legsMade = false;
  #view: HostView | undefined;
  readonly #released = new Set<string>();
  readonly #wishes: Waiting<Wish>[] = [];
  readonly #guests: Waiting<Held>[] = [];
  readonly #handover: Handover;
  readonly #process: NetProcess;
  /** Containers have got their interfaces, and the record on disk does not know it yet. */
  #attached = false;
  readonly #turn = new Turn();

  constructor(options: NetworkingOptions) {
    this.#options = options;
    this.#where = networkPaths(options.at);
    this.#process = { run: this.#where.run, program: options.program };
    this.#names = hostNames(options.paths.run, options.project);
    this.#sharing = new Sharing(options);
    this.#handover = new Handover(options.at);
  }

  /** Containers have got their interfaces since this was settled last. */
  get hasAttached(): boolean {
    return this.#attached;
  }

  /** Adds a network; its bridge is there when this returns. */
  createNetwork(network: Network): Promise<Outcome> {
    return this.#alone(async () => {
      const { project } = this.#options;
      const record = this.#read();
      const added = network.external
        ? this.#sharing.join(record, network)
        : addNetwork(record, network, { project, hosts: 100, taken: (await this.#host()).taken });
      if (!added.ok) return added;
      this.#keep(added.value);
      this.#closeRouter();
      const fresh = !hasRouter(this.#where.router);
      await this.#open();
      if (fresh) beginNetProcess(this.#process);
      return ok(undefined);
    });
  }

  /** Takes a network away; with the last one goes everything we have made on the machine. */
  removeNetwork(network: Network): Promise<Outcome> {
    return this.#alone(async () => {
      const record = this.#read();
      const entry = record.networks.find((each) => each.network.name === network.name);
      if (entry === undefined) return ok(undefined);
      const joiners = entry.owner === undefined ? this.#sharing.joiners(network.name) : [];
      if (joiners.length > 0) return err(inUse(network.name, joiners));
      const sharers = this.#sharing.sharers(record);
      const networks = record.networks.filter((entry) => entry.network.name !== network.name);
      this.#record = { ...this.#withoutReleased(record), networks };
      if (networks.length === 0) {
        await this.#dropAll();
        return ok(await this.#sharing.tell(await this.#load(), sharers));
      }
      writeNetworkRecord(this.#where.record, this.#record);
      this.#closeRouter();
      await this.#open();
      await this.#sharing.tell(await this.#load(), sharers);
      return this.#push();
    });
  }

  /**
   * Decides addresses for a container and binds its ports, before anything of it is made: a port that is taken is refused
   * here. Idempotent; a container keeps what it has.
   */
  place(wish: Wish): Promise<Outcome> {
    return new Promise((settle) => {
      this.#wishes.push({ item: wish, settle });
      if (this.#wishes.length === 1) setImmediate(() => this.#turn.take(() => this.#locked(() => this.#placeAll())));
    });
  }

  async #placeAll(): Promise<Outcome> {
    const waiting = this.#wishes.splice(0);
    const outcome = await guarded(async () => {
      const wishes = waiting.map(({ item }) => item).sort((a, b) => (a.container < b.container ? -1 : 1));
      const { route } = await this.#open();
      await this.#host();
      const before = this.#read();
      const placed = addEndpoints(before, wishes, this.#sharing.addresses(before));
      if (!placed.ok) return placed;
      for (const { container } of wishes) this.#released.delete(container);
      this.#record = this.#handover.prepare(placed.value, wishes, linksOf(route));
      const pushed = await this.#push();
      if (!pushed.ok) this.#record = before;
      this.#handover.expire(this.#read());
      this.#handover.refresh(this.#withoutReleased(this.#read()));
      return pushed;
    });
    for (const { settle } of waiting) settle(outcome);
    return outcome;
  }

  /** How its monitor connects a container that has its place; undefined: only `attach` can. */
  interfaces(container: ContainerName): readonly SetupOp[] | undefined {
    const ways = { router: this.#where.router, outsideMtu: this.#view?.outsideMtu ?? 0 };
    return this.#handover.ops(container, { record: this.#read(), ...ways });
  }

  /** Its monitor is made as planned. True: it connects the container itself. */
  handOver(container: ContainerName): boolean {
    return this.#handover.give(container);
  }

  /** The texts of /etc/hosts and /etc/resolv.conf of a container that has its place. */
  files(container: ContainerName): { readonly hosts: string; readonly resolvConf: string } | undefined {
    return this.#handover.files(container, this.#read());
  }

  /** Gives a container its interfaces, once its monitor holds its network namespace. */
  attach(container: ContainerName, monitorPid: number): Promise<Outcome> {
    return new Promise((settle) => {
      this.#guests.push({ item: { container, monitorPid }, settle });
      if (this.#guests.length === 1) setImmediate(() => this.#turn.take(() => this.#attachAll()));
    });
  }

  async #attachAll(): Promise<Outcome> {
    const waiting = this.#guests.splice(0);
    const refused = new Map<string, RuntimeFailure>();
    const outcome = await guarded(async () => {
      const router = await this.#enter();
      const guests = this.#guestsOf(waiting.map(({ item }) => item));
      for (const { container, error } of await this.#attachTo(router, guests)) refused.set(container, failureOf(error));
      return ok(undefined);
    });
    for (const { item, settle } of waiting) {
      const failure = refused.get(item.container);
      settle(failure === undefined ? outcome : err(failure));
    }
    return outcome;
  }

  /** A container is gone. Its ports and names go when the session settles; its address is kept for one of its name. */
  release(container: ContainerName): void {
    if (!existsSync(this.#where.record)) return;
    this.#released.add(container);
  }

  /** Brings /etc/hosts of all containers, and what the net process serves, up to date. Before a start, and at the end. */
  settle(): Promise<Outcome> {
    return this.#turn.take(async () => {
      if (this.#released.size > 0 && this.#read().networks.length > 0) {
        this.#record = this.#withoutReleased(this.#read());
        this.#released.clear();
        this.#handover.expire(this.#read());
        if (hasRouter(this.#where.router)) {
          const pushed = await this.#locked(() => this.#push());
          if (!pushed.ok) return pushed;
        }
      }
      // A command killed before that is followed by one that attaches them again.
      if (this.#attached) this.#keep(this.#read());
      this.#attached = false;
      this.#handover.refresh(this.#withoutReleased(this.#read()));
      return ok(undefined);
    });
  }

  /** Makes anew what has been taken from under living containers: the router, their interfaces, the net process. */
  repair({ living, known, networks }: Found): Promise<Outcome> {
    return this.#turn.take(async () => {
      await this.#dropUnfinished(networks);
      const record = this.#read();
      if (record.networks.length === 0) removeNetworkRecord(this.#where.record);
      const strangers = record.endpoints.filter(({ container }) => !known.has(container));
      for (const { container } of strangers) this.#released.add(container);
      if (record.networks.length === 0 || living.length === 0) return ok(undefined);
      const joined = record.networks.some(({ owner }) => owner !== undefined);
      const gone = !hasRouter(this.#where.router);
      if (joined && !gone) await this.#enter();
      if (gone || this.#legsMade) {
        const router = await this.#enter();
        if (gone) await quitNetProcess(await this.#load(), this.#where.run);
        await this.#attachTo(router, this.#guestsOf(living));
        return this.#locked(() => this.#push());
      }
      const unfinished = this.#guestsOf(living).filter(({ endpoint }) => endpoint.attached !== true);
      if (unfinished.length > 0) await this.#attachTo(await this.#enter(), unfinished);
      if (needsNetProcess(record)) await ensureNetProcess(this.#process);
      return ok(undefined);
    });
  }

  /** What a command was killed over: networks that are in the record, and were never said to be made. */
  async #dropUnfinished(made: ReadonlySet<string>): Promise<void> {
    const record = this.#read();
    const networks = record.networks.filter(({ network }) => made.has(network.name));
    if (networks.length === record.networks.length) return;
    this.#record = { ...record, networks };
    if (networks.length > 0) writeNetworkRecord(this.#where.record, this.#record);
    else await this.#locked(async () => ok(await this.#dropAll()));
  }

  /** Ends the session, or this part of it: whoever has the lock next may change everything. */
  async close(): Promise<Outcome> {
    const settled = await this.settle();
    await this.#process.beginning;
    this.#closeRouter();
    this.#record = undefined;
    this.#view = undefined;
    return settled;
  }

  #read(): NetworkRecord {
    this.#record ??= readNetworkRecord(this.#where.record);
    return this.#record;
  }

  #keep(record: NetworkRecord): void {
    this.#record = record;
    writeNetworkRecord(this.#where.record, record);
  }

  #withoutReleased(record: NetworkRecord): NetworkRecord {
    return { ...record, endpoints: record.endpoints.filter(({ container }) => !this.#released.has(container)) };
  }

  async #load(): Promise<Native> {
    this.#native ??= await loadNative();
    return this.#native;
  }

  async #host(): Promise<HostView> {
    if (this.#view !== undefined) return this.#view;
    const { taken, outsideMtu } = viewHost(await this.#load(), this.#names.link);
    this.#view = { taken: [...taken, ...this.#sharing.subnets()], outsideMtu };
    return this.#view;
  }

  /** The router, for work that does not have the host's lock: making it changes the host. */
  async #enter(): Promise<Router> {
    return this.#router ?? withHostLock(await this.#load(), () => this.#open());
  }

  /** The router with everything in it that the record says. */
  async #open(): Promise<Router> {
    if (this.#router !== undefined) return this.#router;
    const native = await this.#load();
    const { project, paths } = this.#options;
    const { taken, outsideMtu } = await this.#host();
    const router = openRouter(native, this.#where.router);
    this.#router = router;
    let record = this.#read();
    ensureBridges(native, router, record);
    this.#hubs = new Hubs(native, router, { record, paths, others: this.#sharing.others() });
    this.#legsMade = ensureLegs(native, router, { record, project, hubs: this.#hubs });
    const open = record.networks.filter(({ network, owner }) => !network.internal && owner === undefined);
    if (open.length === 0) return router;
    const added = addUplink(record, { project, taken });
    if (added.ok) record = added.value;
    this.#keep(record);
    const ipv6 = open.some(({ subnets }) => subnets.some(({ cidr }) => cidr.includes(':')));
    if (record.uplink !== undefined)
      ensureUplink(native, router, {
        names: this.#names,
        project,
        cidr: record.uplink,
        outsideMtu,
        ipv6,
      });
    return router;
  }

  /** What the net process serves becomes what the record says, and the record learns the ports. */
  async #push(): Promise<Outcome> {
    const record = this.#withoutReleased(this.#read());
    const table = this.#sharing.table(record, prepareFastPath(await this.#load(), this.#names.link, record));
    const reply = await setNetTable(this.#process, table);
    const taken = takeReply(record, reply);
    if (!taken.ok) return taken;
    const released = this.#read().endpoints.filter(({ container }) => this.#released.has(container));
    this.#keep({ ...taken.value, endpoints: [...taken.value.endpoints, ...released] });
    return ok(await this.#sharing.tell(await this.#load(), this.#sharing.sharers(this.#read())));
  }

  #guestsOf(held: readonly Held[]): Guest[] {
    const { endpoints } = this.#read();
    return held.flatMap(({ container, monitorPid }) => {
      const endpoint = endpoints.find((each) => each.container === container);
      return endpoint === undefined ? [] : [{ endpoint, pid: monitorPid }];
    });
  }

  async #attachTo(router: Router, guests: readonly Guest[]): Promise<AttachRefusal[]> {
    const { outsideMtu } = await this.#host();
    const ways = { outsideMtu, hubs: this.#hubs as Hubs };
    const refusals = attachGuests(this.#native as Native, router, { record: this.#read(), guests, ...ways });
    this.#record = withAttached(this.#read(), guests, refusals);
    this.#attached = true;
    return refusals;
  }

  #closeRouter(): void {
    this.#hubs?.close();
    this.#hubs = undefined;
    this.#router?.close();
    this.#router = undefined;
  }

  async #dropAll(): Promise<void> {
    const native = await this.#load();
    await this.#process.beginning;
    this.#closeRouter();
    if (existsSync(this.#where.run)) await quitNetProcess(native, this.#where.run);
    dropRouter(native, this.#where.router);
    dropUplink(native, this.#names);
    for (const path of [this.#where.alive, `${this.#where.run}/net.lock`]) rmSync(path, { force: true });
    if (existsSync(this.#where.run)) rmdirSync(this.#where.run);
    removeNetworkRecord(this.#where.record);
    this.#released.clear();
    this.#handover.forget();
    this.#attached = false;
  }

  /** In turn, and while no other project is at this: two must not choose one subnet, or undo each other's sysctls. */
  #alone(work: () => Promise<Outcome>): Promise<Outcome> {
    return this.#turn.take(async () => {
      this.#view = undefined;
      return this.#locked(work);
    });
  }

  async #locked(work: () => Promise<Outcome>): Promise<Outcome> {
    return withHostLock(await this.#load(), work);
  }
}
