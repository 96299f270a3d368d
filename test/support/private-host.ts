import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { loadNative, type Native } from '../../src/runtime/linux/native.ts';
import { beside } from './child.ts';
import { eventually } from './eventually.ts';

const CLONE_NEWNET = 0x40000000;

/** A private host for the tests of the describe that it is called in; it is there once they run. */
export function ownHost(prepare: (host: PrivateHost) => void = () => {}): () => PrivateHost {
  let host: PrivateHost;
  beforeAll(async () => {
    host = await PrivateHost.make();
    prepare(host);
  });
  afterAll(() => host.close());
  return () => host;
}

/**
 * Makes this test process, and every command it starts, live in a network namespace of its own, which is "the host" for
 * them: its ports, sysctls, routes and packet filter are not those of the machine. Behind it lies a LAN with one neighbour,
 * which is all the outside there is.
 *
 * ~~~
 *   host (this process)            neighbour
 *   192.168.77.1  lan ──────────── lan  192.168.77.2   the default route leads there
 *   fd77::1                             fd77::2
 * ~~~
 */
export class PrivateHost {
  static readonly address = '192.168.77.1';
  static readonly neighbourAddress = '192.168.77.2';
  readonly #children: ChildProcess[] = [];
  readonly #native: Native;
  /** Descriptor of the machine's own namespace. */
  readonly #home: number;
  readonly neighbour: number;
  #sysctls = '';

  private constructor(native: Native, home: number, neighbour: ChildProcess) {
    this.#native = native;
    this.#home = home;
    this.#children.push(neighbour);
    this.neighbour = neighbour.pid ?? 0;
  }

  static async make(): Promise<PrivateHost> {
    const native = await loadNative();
    const home = openSync('/proc/thread-self/ns/net', 'r');
    native.unshare(CLONE_NEWNET);
    const neighbour = beside(
      spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo; exec sleep 1000'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    );
    if (neighbour.stdout !== null) await once(neighbour.stdout, 'data');
    const host = new PrivateHost(native, home, neighbour);
    shell('ip link set lo up');
    // A new namespace starts with what the machine has just now.
    shell('for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 0 >/proc/sys/net/$f; done');
    shell(`ip link add lan type veth peer name lan netns ${host.neighbour}`);
    shell('ip addr add 192.168.77.1/24 dev lan && ip addr add fd77::1/64 dev lan nodad && ip link set lan up');
    host.there('ip addr add 192.168.77.2/24 dev lan && ip addr add fd77::2/64 dev lan nodad && ip link set lan up');
    shell('ip route add default via 192.168.77.2 && ip -6 route add default via fd77::2');
    host.#sysctls = changedSysctls();
    return host;
  }

  /** Output of a shell command at the neighbour's. */
  there(command: string): string {
    return shell(`nsenter --net=/proc/${this.neighbour}/ns/net sh -c '${command}'`);
  }

  /** A server on the private host itself, until `close`. */
  serveHere(program: string, ...args: string[]): void {
    this.#children.push(beside(spawn(program, args, { stdio: 'ignore' })));
  }

  /** A server at the neighbour's, until `close`. */
  serveThere(...argv: string[]): void {
    const place = `--net=/proc/${this.neighbour}/ns/net`;
    this.#children.push(beside(spawn('nsenter', [place, ...argv], { stdio: 'ignore' })));
  }

  /**
   * Ends the neighbour and goes home, once nothing of ours is left here: the namespace would hide it for ever. `sysctls`
   * are not looked at where somebody else, Docker, changes them too.
   */
  async close({ sysctls = true }: { readonly sysctls?: boolean } = {}): Promise<void> {
    try {
      const check = () => expect(oursOnHost(), 'left behind on the private host').toEqual([]);
      // As with every hook, there is no second try.
      await eventually(check, { withinMs: 30_000 });
      if (sysctls) expect(changedSysctls(), 'sysctls of the private host').toBe(this.#sysctls);
    } finally {
      for (const child of this.#children.reverse()) child.kill('SIGKILL');
      this.#native.setns(this.#home, CLONE_NEWNET);
      closeSync(this.#home);
    }
  }
}

/** Sysctls of the namespace that the test process is in: those that networks of ours may change. */
const changedSysctls = (): string =>
  shell(
    'cd /proc/sys/net && grep . ipv4/ip_forward ipv6/conf/*/forwarding ipv6/conf/*/accept_ra ipv4/conf/*/route_localnet',
  );

/** Interfaces and rules of any project in the namespace that the test process is in. */
export function oursOnHost(): string[] {
  const lines = shell('ip -o link; nft list ruleset').split('\n');
  return lines.filter((line) => /\btsc[0-9a-f]{8}\b|tscompose/.test(line));
}

/**
 * Puts back what the test at hand changes of the private host, once it has ended and its project is gone, whatever came of
 * it: the host is that of the next try and of the tests after it, too.
 */
export const afterwards = (command: string): void => onTestFinished(() => void shell(command));

/** What a shell command on the (private) host writes, errors included. */
export function shell(command: string): string {
  const { stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8', timeout: 20_000 });
  return stdout + stderr;
}
