import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { beside, end } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { answering, ask, idle, inside } from '../support/networked.ts';
import { afterwards, ownHost, type PrivateHost, shell } from '../support/private-host.ts';
import { type Rig, runCli, scenario } from '../support/scenario.ts';

/** What doctor says of the host's firewall. */
async function firewall(): Promise<{ readonly status: string; readonly found: string; readonly remedy?: string }> {
  const findings = JSON.parse((await runCli(['doctor', '--json'])).stdout);
  return findings.find(({ id }: { id: string }) => id === 'firewall');
}

/** A stack on the host, whose ports and names work whatever that drops of what it forwards. */
async function up(rig: Rig, host: PrivateHost): Promise<void> {
  rig.stack({ web: answering(80, 'echo web', { ports: ['18360:80'] }), probe: idle() });
  await rig.up();
  await eventually(() => expect(ask('127.0.0.1:18360')).toBe('web\n'));
  for (const address of ['[::1]', '192.168.77.1']) expect(ask(`${address}:18360`)).toBe('web\n');
  expect(host.there('socat -T2 - TCP:192.168.77.1:18360')).toBe('web\n');
  expect(await inside(rig, 'probe', 'socat -T2 - TCP:web:80')).toBe('web\n');
}

/** A firewalld of the test's own, on a bus of its own: its rules are in the private host's namespace. */
class Firewalld {
  readonly #home = mkdtempSync(join(tmpdir(), 'tsc-firewalld-'));
  readonly #bus: ChildProcess;
  #daemon: ChildProcess | undefined;

  constructor() {
    const address = `unix:path=${this.#home}/bus`;
    this.#bus = beside(spawn('dbus-daemon', ['--session', '--nofork', '--address', address], { stdio: 'ignore' }));
  }

  #environment = () => ({ ...process.env, DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${this.#home}/bus` });

  async start(): Promise<void> {
    await eventually(() => expect(existsSync(`${this.#home}/bus`)).toBe(true));
    const places = ['--system-config', this.#home, '--log-target', 'file', '--log-file', `${this.#home}/log`];
    const options = { env: this.#environment(), stdio: 'ignore' } as const;
    this.#daemon = beside(spawn('firewalld', ['--nofork', '--nopid', ...places], options));
    await eventually(() => expect(this.run('firewall-cmd --state')).toContain('running'), { withinMs: 30_000 });
  }

  run(command: string): string {
    return spawnSync('sh', ['-c', command], { env: this.#environment(), encoding: 'utf8', timeout: 20_000 }).stdout;
  }

  async stop(): Promise<void> {
    for (const child of [this.#daemon, this.#bus]) if (child !== undefined) await end(child, 'SIGTERM');
    rmSync(this.#home, { recursive: true, force: true });
  }
}

const reach = (rig: Rig) => inside(rig, 'probe', 'socat -T2 - TCP:192.168.77.2:7030,connect-timeout=1');

describe('beside a firewall that drops what the host forwards', () => {
  const host = ownHost((host) => {
    host.serveThere('socat', 'TCP-LISTEN:7030,fork,reuseaddr', 'SYSTEM:echo outside');
  });

  scenario(
    'iptables’, with br_netfilter: services reach each other, and the outside by a rule that goes with them',
    ['socat', 'iptables', 'br_netfilter'],
    async (rig) => {
      afterwards('iptables -w -P FORWARD ACCEPT');
      shell('iptables -w -P FORWARD DROP; echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables');
      const before = shell('iptables -S');
      await up(rig, host());
      expect(await reach(rig)).toBe('outside\n');
      expect(await firewall()).toMatchObject({ status: 'ok', found: expect.stringContaining('FORWARD drops') });
      await rig.ok(['down', '-t', '0']);
      expect(shell('iptables -S')).toBe(before);
    },
  );

  scenario(
    'a table of nft that is not ours: doctor names it, and its remedy opens the way out',
    ['socat', 'nft'],
    async (rig) => {
      const table = 'table inet walls { chain pass { type filter hook forward priority 0; policy drop; }; }';
      afterwards('nft delete table inet walls');
      expect(shell(`nft '${table}'`)).toBe('');
      await up(rig, host());
      expect(await reach(rig)).not.toContain('outside');
      const { status, found, remedy } = await firewall();
      expect([status, found]).toEqual(['limited', 'inet walls pass drops what is forwarded']);
      expect(shell(remedy ?? '')).toBe('');
      expect(await reach(rig)).toBe('outside\n');
      await rig.ok(['down', '-t', '0']);
    },
  );

  scenario(
    'firewalld: doctor names it, and its remedy opens the way out for good',
    ['socat', 'nft', 'firewalld'],
    async (rig) => {
      const daemon = new Firewalld();
      try {
        await daemon.start();
        rig.stack({ web: answering(80, 'echo web', { ports: ['18360:80'] }), probe: idle() });
        await rig.up();
        await eventually(() => expect(ask('127.0.0.1:18360')).toBe('web\n'));
        expect(await inside(rig, 'probe', 'socat -T2 - TCP:web:80')).toBe('web\n');
        expect(await reach(rig)).not.toContain('outside');
        const { status, remedy } = await firewall();
        expect(status).toBe('limited');
        expect(daemon.run(remedy ?? '')).toBe('success\nsuccess\n');
        expect(await reach(rig)).toBe('outside\n');
        expect((await firewall()).status).toBe('ok');
        expect(daemon.run('firewall-cmd --complete-reload')).toBe('success\n');
        await eventually(async () => expect(await reach(rig)).toBe('outside\n'));
        await rig.ok(['down', '-t', '0']);
      } finally {
        await daemon.stop();
      }
    },
    90_000,
  );

  scenario(
    'iptables-legacy’s: doctor names it, and its remedy opens the way out',
    ['socat', 'iptables-legacy'],
    async (rig) => {
      shell('iptables-legacy -w -P FORWARD DROP');
      await up(rig, host());
      expect(await reach(rig)).not.toContain('outside');
      const { status, found, remedy } = await firewall();
      expect([status, found]).toEqual(['limited', 'rules of iptables-legacy are loaded']);
      expect(shell(remedy?.split(', or: ')[1] ?? '')).toBe('');
      expect(await reach(rig)).toBe('outside\n');
    },
  );
});
