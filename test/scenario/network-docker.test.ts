import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { beside, end } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { answering, ask, inside } from '../support/networked.ts';
import { PrivateHost, shell } from '../support/private-host.ts';
import { type Rig, scenario } from '../support/scenario.ts';

/** A Docker engine of the test's own: its rules, bridge and containers are in the private host's namespace. */
class Engine {
  readonly #home = mkdtempSync(join(tmpdir(), 'tsc-dockerd-'));
  readonly #daemon: ChildProcess;

  constructor() {
    const dir = this.#home;
    const places = ['--data-root', `${dir}/data`, '--exec-root', `${dir}/exec`, '--pidfile', `${dir}/pid`];
    const line = [...places, '-H', `unix://${dir}/sock`, '--storage-driver', 'vfs'];
    this.#daemon = beside(spawn('dockerd', line, { stdio: 'ignore' }));
  }

  docker(command: string): string {
    return shell(`docker -H unix://${this.#home}/sock ${command}`);
  }

  /** A container that answers every connection on a published port of the host. */
  async serve(port: number, text: string): Promise<void> {
    await eventually(() => expect(this.docker('version')).toContain('Server:'));
    shell(
      `mkdir -p ${this.#home}/image/bin ${this.#home}/image/www && cp $(command -v busybox) ${this.#home}/image/bin`,
    );
    shell(`echo ${text} >${this.#home}/image/www/index.html`);
    shell(`tar -C ${this.#home}/image -c . | docker -H unix://${this.#home}/sock import - bb`);
    this.docker(`run -d --name served -p ${port}:80 bb /bin/busybox httpd -f -p 80 -h /www`);
  }

  async stop(): Promise<void> {
    this.docker('rm -f served');
    await end(this.#daemon, 'SIGTERM');
    rmSync(this.#home, { recursive: true, force: true });
  }
}

let host: PrivateHost;
const web = () => answering(80, 'echo ours', { ports: ['18160:80'] });

describe('beside a Docker engine with its default rules', () => {
  beforeAll(async () => {
    host = await PrivateHost.make();
    host.serveThere('socat', 'TCP-LISTEN:7003,fork,reuseaddr', 'SYSTEM:echo outside');
  });
  afterAll(() => host.close({ sysctls: false }));

  /** Both sides' ports from everywhere, and both sides' ways out. */
  async function expectBoth(rig: Rig, engine: Engine): Promise<void> {
    await eventually(async () => expect(ask('127.0.0.1:18160')).toBe('ours\n'));
    expect(host.there('socat -T2 - TCP:192.168.77.1:18160')).toBe('ours\n');
    expect(await inside(rig, 'web', 'socat -T2 - TCP:192.168.77.2:7003,connect-timeout=2')).toBe('outside\n');
    expect(await inside(rig, 'web', 'curl -s http://192.168.77.1:18161/')).toBe('dockers\n');
    await expectDocker(engine);
  }

  async function expectDocker(engine: Engine): Promise<void> {
    const out = 'exec served /bin/busybox nc -w 2 192.168.77.2 7003';
    await eventually(() => expect(shell('curl -s http://127.0.0.1:18161/')).toBe('dockers\n'));
    expect(host.there('curl -s http://192.168.77.1:18161/')).toBe('dockers\n');
    expect(engine.docker(out)).toBe('outside\n');
  }

  scenario(
    'an engine that was there first loses nothing, and keeps nothing of ours',
    ['socat', 'iptables', 'dockerd', 'busybox'],
    async (rig) => {
      const engine = new Engine();
      try {
        await engine.serve(18161, 'dockers');
        expect(shell('iptables -w -S FORWARD')).toContain('-P FORWARD DROP');
        const rules = () => shell('iptables-save | grep -v "^[#:]"; ip6tables-save | grep -v "^[#:]"');
        const before = rules();
        rig.stack({ web: web() });
        await rig.up();
        await expectBoth(rig, engine);
        await rig.ok(['down']);
        expect(rules()).toBe(before);
        await expectDocker(engine);
      } finally {
        await engine.stop();
      }
    },
  );

  scenario(
    'one that comes later works too, and goes on when we are gone',
    ['socat', 'iptables', 'dockerd', 'busybox'],
    async (rig) => {
      shell(
        'iptables -w -P FORWARD ACCEPT; iptables -w -F; iptables -w -t nat -F; iptables -w -X; iptables -w -t nat -X',
      );
      shell('ip link del docker0; echo 0 >/proc/sys/net/ipv4/ip_forward');
      rig.stack({ web: web() });
      await rig.up();
      const engine = new Engine();
      try {
        await engine.serve(18161, 'dockers');
        await expectBoth(rig, engine);
        await rig.ok(['down']);
        await expectDocker(engine);
      } finally {
        await engine.stop();
      }
    },
  );
});
