import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import type { ContainerConfig, Network, NetworkAttachment, PublishedPort } from '../../src/model/project.ts';
import type { ContainerName, ProjectName } from '../../src/model/units.ts';
import { loadNative } from '../../src/runtime/linux/native.ts';
import { Networking, readEndpoints } from '../../src/runtime/linux/network/index.ts';
import { askNetStatus } from '../../src/runtime/linux/network/net-process.ts';
import { networkPaths } from '../../src/runtime/linux/network/record.ts';
import { hostPaths, projectPaths } from '../../src/runtime/linux/paths.ts';
import { network as anyNetwork, attach } from '../support/builders.ts';
import { beside } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { kill } from '../support/leaks.ts';
import { PrivateHost } from '../support/private-host.ts';

/**
 * The network without containers: the host is a namespace of the test's own, and what stands for a container is a sleeping
 * process in a namespace. So Docker's rules, sysctls and ports of this machine are neither seen nor touched.
 */
const cannotRun = process.getuid?.() === 0 ? undefined : 'needs root for network namespaces';
const project = 'scratch' as ProjectName;
const root = mkdtempSync(join(tmpdir(), 'tsc-net-'));
const paths = hostPaths({ TSCOMPOSE_ROOT: root });
const at = projectPaths(paths, project);
const run = networkPaths(at).run;
const program = join(buildNative(), '../tsc-net');
const sleepers: ChildProcess[] = [];

const network = (key: string, more: Partial<Network> = {}): Network =>
  anyNetwork(key, { name: `scratch_${key}`, ...more });

const on = (key: string, more: Partial<NetworkAttachment> = {}): NetworkAttachment => ({ ...attach(key), ...more });

const config = (networks: NetworkAttachment[], more: Partial<ContainerConfig> = {}): ContainerConfig =>
  ({
    networks,
    networkMode: { kind: 'networks' },
    ports: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    ...more,
  }) as unknown as ContainerConfig;

const port = (published: number | undefined, target: number, more: Partial<PublishedPort> = {}): PublishedPort => ({
  target,
  protocol: 'tcp',
  ...(published === undefined ? {} : { published: { first: published, last: published } }),
  ...more,
});

/** A process in a network namespace of its own with lo up. */
async function sleeper(): Promise<number> {
  const child = beside(
    spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo; exec sleep 1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  sleepers.push(child);
  await once(child.stdout!, 'data');
  return child.pid!;
}

/** Output of a command in a container's namespace. */
function inside(pid: number, ...argv: string[]): string {
  const { stdout, stderr } = spawnSync('nsenter', [`--net=/proc/${pid}/ns/net`, ...argv], { encoding: 'utf8' });
  return stdout + stderr;
}

/** A server on a port in a container's namespace; ends with the test file. */
async function serve(pid: number, listens: number, ...argv: string[]): Promise<void> {
  sleepers.push(beside(spawn('nsenter', [`--net=/proc/${pid}/ns/net`, ...argv], { stdio: 'ignore' })));
  await eventually(() => expect(inside(pid, 'ss', '-Hlntu')).toMatch(new RegExp(`:${listens}\\s`)));
}

const fine = async (outcome: ReturnType<Networking['settle']>): Promise<void> => {
  expect(await outcome).toEqual({ ok: true, value: undefined });
};

/** Time-outs that a test can wait for. */
const flows = { unansweredMs: 2000, answeredMs: 8000 };
const session = () => new Networking({ paths, at, project, program, flows });
const pids = new Map<string, number>();
let host: PrivateHost;

/** Places and attaches containers as a session does it: all at once. */
async function up(networking: Networking, containers: { [name: string]: ContainerConfig }): Promise<void> {
  await Promise.all(
    Object.entries(containers).map(async ([name, wanted]) => {
      await fine(networking.place({ container: name, service: name.replace(/-\d+$/, ''), config: wanted }));
      const pid = pids.get(name) ?? (await sleeper());
      pids.set(name, pid);
      await fine(networking.attach(name as ContainerName, pid));
    }),
  );
  await fine(networking.settle());
}

describe.skipIf(cannotRun !== undefined)('networks without containers', () => {
  beforeAll(async () => {
    host = await PrivateHost.make();
    pids.set('outside', host.neighbour);
    await serve(
      host.neighbour,
      7000,
      'socat',
      'TCP-LISTEN:7000,fork,reuseaddr',
      'SYSTEM:echo outside saw $SOCAT_PEERADDR',
    );
  });

  afterAll(async () => {
    const networking = session();
    try {
      for (const entry of ['front', 'back', 'six']) await networking.removeNetwork(network(entry));
      await networking.close();
    } finally {
      for (const child of sleepers) child.kill('SIGKILL');
      await host.close();
      rmSync(root, { recursive: true, force: true });
    }
  });

  test('two containers on a network reach each other and the outside, which cannot reach them', async () => {
    const networking = session();
    await fine(networking.createNetwork(network('front')));
    await up(networking, {
      'web-1': config([on('front')], { ports: [port(18080, 80)] }),
      'web-2': config([on('front')]),
      'db-1': config([on('front', { aliases: ['database'] })]),
    });
    await fine(networking.close());
    const [web] = readEndpoints(at).filter(({ container }) => container === 'web-1');
    const address = web!.attachments[0]!.ipv4!;
    expect(inside(pids.get('db-1')!, 'ping', '-c1', '-W1', address)).toContain('1 received');
    expect(inside(pids.get('db-1')!, 'socat', '-T2', '-', 'TCP:192.168.77.2:7000')).toBe('outside saw 192.168.77.1\n');
    inside(pids.get('outside')!, 'ip', 'route', 'add', '10.200.0.0/13', 'via', '192.168.77.1');
    expect(inside(pids.get('outside')!, 'ping', '-c1', '-W1', address)).toContain('0 received');
  });

  test('a published port leads to the container from loopback and from the LAN, whose address it sees', async () => {
    await serve(pids.get('web-1')!, 80, 'socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo web saw $SOCAT_PEERADDR');
    const gateway = readFileSync(networkPaths(at).record, 'utf8').match(/"gateway":"([^"]+)"/)?.[1];
    const ask = (address: string, pid?: number) =>
      pid === undefined
        ? spawnSync('socat', ['-T2', '-', `TCP:${address}`], { encoding: 'utf8' }).stdout
        : inside(pid, 'socat', '-T2', '-', `TCP:${address}`);
    expect(ask('127.0.0.1:18080')).toMatch(/^web saw 10\.20[25]\./);
    expect(ask('[::1]:18080')).toBe(`web saw ${gateway}\n`);
    expect(ask('192.168.77.1:18080', pids.get('outside')!)).toBe('web saw 192.168.77.2\n');
  });

  test('names: a service, all replicas in turn, aliases, reverse, and nothing that does not exist', () => {
    const from = pids.get('db-1')!;
    const gateway = readFileSync(networkPaths(at).record, 'utf8').match(/"gateway":"([^"]+)"/)![1]!;
    const dig = (...argv: string[]) =>
      inside(from, 'dig', '+short', '+tries=1', '+time=2', `@${gateway}`, ...argv).trim();
    const addresses = readEndpoints(at).map(({ container, attachments }) => [container, attachments[0]!.ipv4!]);
    const of = Object.fromEntries(addresses) as { [name: string]: string };
    expect(dig('web').split('\n').sort()).toEqual([of['web-1'], of['web-2']].sort());
    const firsts = new Set(Array.from({ length: 8 }, () => dig('web').split('\n')[0]));
    expect(firsts.size).toBe(2);
    expect(dig('database')).toBe(of['db-1']);
    expect(dig('WEB-1')).toBe(of['web-1']);
    expect(dig('+tcp', 'database')).toBe(of['db-1']);
    expect(dig('-x', of['web-2']!)).toBe('web-2.scratch_front.');
    expect(inside(from, 'dig', '+tries=1', `@${gateway}`, 'nobody')).toContain('status: NXDOMAIN');
    expect(inside(from, 'dig', '+tries=1', `@${gateway}`, 'web', 'AAAA')).toMatch(/status: NOERROR[\s\S]*ANSWER: 0/);
  });

  test('the net process comes back by itself, whichever of the two is killed, with its ports', async () => {
    for (const which of ['workerPid', 'keeperPid', 'workerPid', 'keeperPid'] as const) {
      const before = (await askNetStatus(run))!;
      expect(before.keeperPid).toBeGreaterThan(0);
      kill(before[which], 'SIGKILL');
      await eventually(async () => {
        const now = await askNetStatus(run);
        expect(now?.[which]).toBeGreaterThan(0);
        expect(now?.[which]).not.toBe(before[which]);
        expect(now?.ports).toHaveLength(1);
      });
      expect(spawnSync('socat', ['-T2', '-', 'TCP:127.0.0.1:18080'], { encoding: 'utf8' }).stdout).toContain('web saw');
    }
  });

  test('a port that somebody has is refused with his name, and everything stays as it was', async () => {
    const taken = createServer().listen(18081, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const networking = session();
    const outcome = await networking.place({
      container: 'api-1',
      service: 'api',
      config: config([on('front')], { ports: [port(18081, 80, { hostIp: '127.0.0.1' })] }),
    });
    expect(outcome).toMatchObject({
      ok: false,
      error: {
        code: 'port-taken',
        message: `cannot publish port 127.0.0.1:18081/tcp for api-1: ${readFileSync('/proc/self/comm', 'utf8').trim()} (pid ${process.pid}) has it`,
      },
    });
    const own = await networking.place({
      container: 'api-1',
      service: 'api',
      config: config([on('front')], { ports: [port(18080, 80)] }),
    });
    expect(own).toMatchObject({ ok: false, error: { message: expect.stringContaining('project scratch has it') } });
    // The first of these takes the place of a listener that is open; the second cannot be had.
    const moved = await networking.place({
      container: 'web-1',
      service: 'web',
      config: config([on('front')], {
        ports: [port(18080, 80, { hostIp: '127.0.0.1' }), port(18081, 80, { hostIp: '127.0.0.1' })],
      }),
    });
    expect(moved).toMatchObject({ ok: false, error: { code: 'port-taken' } });
    await fine(networking.close());
    taken.close();
    for (const address of ['127.0.0.1:18080', '[::1]:18080']) {
      expect(spawnSync('socat', ['-T2', '-', `TCP:${address}`], { encoding: 'utf8' }).stdout).toContain('web saw');
    }
    expect(readEndpoints(at).map(({ container }) => container)).toEqual(['db-1', 'web-1', 'web-2']);
    expect((await askNetStatus(run))!.ports.map((each) => each.port)).toEqual([18080]);
  });

  test('ephemeral ports are chosen once and stay', async () => {
    const networking = session();
    await up(networking, {
      'db-1': config([on('front')], { ports: [port(undefined, 5432), port(undefined, 53, { protocol: 'udp' })] }),
    });
    const chosen = readEndpoints(at)[0]!.ports.map(({ bound }) => bound);
    expect(chosen.every((each) => each !== undefined && each > 1023)).toBe(true);
    await up(networking, {
      'db-1': config([on('front')], { ports: [port(undefined, 5432), port(undefined, 53, { protocol: 'udp' })] }),
    });
    await fine(networking.close());
    expect(readEndpoints(at)[0]!.ports.map(({ bound }) => bound)).toEqual(chosen);
  });

  test('an internal network has no way out, for packets or for names', async () => {
    const networking = session();
    await fine(networking.createNetwork(network('back', { internal: true })));
    await up(networking, { 'job-1': config([on('back')]) });
    await fine(networking.close());
    const pid = pids.get('job-1')!;
    expect(inside(pid, 'ip', 'route')).not.toContain('default');
    const gateway = JSON.parse(readFileSync(networkPaths(at).record, 'utf8')).networks[1].subnets[0].gateway;
    inside(pid, 'ip', 'route', 'add', 'default', 'via', gateway);
    expect(inside(pid, 'socat', '-T1', '-', 'TCP:192.168.77.2:7000,connect-timeout=1')).not.toContain('outside saw');
    const web = readEndpoints(at).find(({ container }) => container === 'web-1')!.attachments[0]!.ipv4!;
    expect(inside(pid, 'ping', '-c1', '-W1', web)).toContain('0 received');
    expect(inside(pid, 'dig', '+tries=1', '+time=1', `@${gateway}`, 'example.org')).toContain('status: NXDOMAIN');
    expect(inside(pid, 'dig', '+short', `@${gateway}`, 'job')).not.toBe('');
    expect(inside(pid, 'dig', `@${gateway}`, 'web')).toContain('status: NXDOMAIN');
    expect(inside(pid, 'ip', '-6', 'addr', 'show', 'eth0')).toBe('');
  });

  test('what is taken away under living containers is made again', async () => {
    const { umount } = await loadNative();
    const dead = (await askNetStatus(run))!;
    kill(dead.keeperPid, 'SIGSTOP');
    kill(dead.workerPid, 'SIGKILL');
    kill(dead.keeperPid, 'SIGKILL');
    umount(networkPaths(at).router, 2);
    const living = ['web-1', 'web-2', 'db-1', 'job-1'].map((container) => ({
      container: container as ContainerName,
      monitorPid: pids.get(container)!,
    }));
    await expect.poll(() => inside(pids.get('web-1')!, 'ip', '-o', 'link').includes('eth0')).toBe(false);
    const networking = session();
    await fine(
      networking.repair({
        living,
        known: new Set(living.map(({ container }) => container)),
        networks: new Set(['scratch_front', 'scratch_back']),
      }),
    );
    await fine(networking.close());
    expect(spawnSync('socat', ['-T2', '-', 'TCP:127.0.0.1:18080'], { encoding: 'utf8' }).stdout).toContain('web saw');
  });

  test('thousands of connections at once, half-closed ones and resets', async () => {
    const echo =
      'require("net").createServer({ allowHalfOpen: true }, (s) => s.pipe(s)).listen({ port: 90, backlog: 4096 })';
    await serve(pids.get('web-2')!, 90, process.execPath, '-e', echo);
    const networking = session();
    await up(networking, { 'web-2': config([on('front')], { ports: [port(18090, 90)] }) });
    await fine(networking.close());
    const answer = spawnSync('socat', ['-t5', '-', 'TCP:[::1]:18090'], {
      input: 'x'.repeat(3_000_000),
      encoding: 'utf8',
      maxBuffer: 1e8,
    });
    expect(answer.stdout.length).toBe(3_000_000);
    const database = readEndpoints(at).find(({ container }) => container === 'db-1')!.ports[0]!.bound!;
    const refused = createConnection(database, '::1');
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNRESET');
    const sockets = await Promise.all(
      Array.from({ length: 3000 }, async () => {
        // What becomes of it once it was answered is for the count of connections to tell.
        const socket = createConnection(18090, '::1').on('error', () => {});
        await once(socket, 'connect');
        socket.write('hello');
        const [bytes] = (await once(socket, 'data')) as [Buffer];
        expect(bytes.toString()).toBe('hello');
        return socket;
      }),
    );
    expect((await askNetStatus(run))!.connections).toBeGreaterThanOrEqual(3000);
    for (const socket of sockets) socket.resetAndDestroy();
    await eventually(async () => expect((await askNetStatus(run))!.connections).toBe(0));
  });

  test('a UDP flow ends after some silence, sooner where nothing was ever answered, and begins anew', async () => {
    const networking = session();
    const udp = (number: number) => port(number, number, { protocol: 'udp' });
    await up(networking, { 'web-2': config([on('front')], { ports: [udp(18091), udp(18092)] }) });
    await fine(networking.close());
    await serve(pids.get('web-2')!, 18091, 'socat', 'UDP-RECVFROM:18091,fork', 'EXEC:cat');
    const count = async () => (await askNetStatus(run))!.flows;
    const client = createSocket('udp4').on('error', () => {});
    onTestFinished(() => void client.close());
    const answers: string[] = [];
    client.on('message', (bytes) => answers.push(bytes.toString()));
    await eventually(() => {
      client.send('ping', 18091, '127.0.0.1');
      expect(answers.length).toBeGreaterThan(0);
    });
    client.send('nobody', 18092, '127.0.0.1');
    await eventually(async () => expect(await count()).toBe(2));
    await eventually(async () => expect(await count()).toBe(1));
    const again = async (text: string) => {
      client.send(text, 18091, '127.0.0.1');
      await eventually(() => expect(answers).toContain(text));
      expect(await count()).toBe(1);
    };
    // Were it another one that had ended, there would be two now.
    await again('again');
    await eventually(async () => expect(await count()).toBe(0), { withinMs: 20_000 });
    await again('anew');
  }, 60_000);

  test('the last network takes everything with it', async () => {
    const networking = session();
    for (const name of pids.keys()) networking.release(name as ContainerName);
    await fine(networking.removeNetwork(network('front')));
    await fine(networking.removeNetwork(network('back')));
    await fine(networking.close());
    expect(existsSync(run)).toBe(false);
    expect(readdirSync(paths.run)).toEqual([]);
    expect(spawnSync('nft', ['list', 'ruleset'], { encoding: 'utf8' }).stdout).toBe('');
    expect(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe('0\n');
    await expect.poll(() => spawnSync('ip', ['-br', 'link'], { encoding: 'utf8' }).stdout).not.toContain('tsc');
  });
});
