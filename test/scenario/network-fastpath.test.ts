import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { askNetStatus } from '../../src/runtime/linux/network/net-process.ts';
import { eventually } from '../support/eventually.ts';
import { kill, killOurs, tracesOf } from '../support/leaks.ts';
import { answering, ask, inside, netProcesses, quick } from '../support/networked.ts';
import { afterwards, ownHost, shell } from '../support/private-host.ts';
import { ended, type Rig, scenario } from '../support/scenario.ts';

const status = (rig: Rig) => askNetStatus(`/run/tscompose/${rig.project}.network`);

/** What of eBPF the kernel has because of a project. */
const programs = (rig: Rig) => tracesOf([rig.project])['bpf'];

/** Until the kernel has taken the programs of so many ports. */
const fast = (rig: Rig, ports = 1): Promise<void> =>
  eventually(async () => expect((await status(rig))?.ports.filter((port) => port.fast)).toHaveLength(ports));

const seen = 'echo $$SOCAT_PEERADDR';
/** The host's end of the uplink; and the gateway, which stands for clients that came through the listener. */
const hostEnd = /^10\.205\.\d+\.\d+\n$/;
const gateway = /^10\.20[1-4]\.\d+\.1\n$/;

async function connected(port: number, address = '127.0.0.1', more = {}): Promise<Socket> {
  const socket = createConnection({ port, host: address, ...more });
  await once(socket, 'connect');
  // Whoever waits for its next word hears of an error, and it is nobody's at all while nobody does.
  return socket.on('error', () => {});
}

async function echoes(socket: Socket, text: string): Promise<void> {
  socket.write(text);
  expect(String((await once(socket, 'data'))[0])).toBe(text);
}

const echo = (port: number) => ({
  ...quick,
  command: ['socat', 'TCP-LISTEN:80,fork,reuseaddr', 'EXEC:cat'],
  ports: [`${port}:80`],
});

describe('local clients of published ports', () => {
  const host = ownHost();

  scenario('they are connected straight to the container, and see what they asked for', ['socat'], async (rig) => {
    rig.stack({ web: echo(18200), tells: answering(80, seen, { ports: ['127.0.0.1:18201:80'] }) });
    await rig.up();
    await fast(rig, 2);
    await eventually(() => expect(ask('127.0.0.1:18201')).toMatch(hostEnd));
    await eventually(async () => (await connected(18200)).destroy());
    for (const address of ['127.0.0.1', '127.1.2.3', '::ffff:127.0.0.1']) {
      const socket = await connected(18200, address);
      await echoes(socket, 'hello');
      expect([socket.remoteAddress, socket.remotePort]).toEqual([address, 18200]);
      expect(socket.localAddress?.replace('::ffff:', '')).toBe(address.replace('::ffff:', ''));
      expect((await status(rig))?.connections).toBe(0);
      socket.destroy();
    }
    const proxied = await connected(18200, '::1');
    await echoes(proxied, 'hello');
    expect((await status(rig))?.connections).toBe(1);
    proxied.destroy();
    expect(programs(rig)).toContainEqual(expect.stringContaining('program'));
    const large = shell('head -c 20000000 /dev/zero | socat -t5 - TCP:127.0.0.1:18200 | wc -c');
    expect(large.trim()).toBe('20000000');
  });

  scenario('clients bound to loopback, and all others, come to the listener', ['socat'], async (rig) => {
    rig.stack({ web: answering(80, seen, { ports: ['18210:80'] }) });
    await rig.up();
    await fast(rig);
    await eventually(() => expect(ask('127.0.0.1:18210')).toMatch(hostEnd));
    expect(ask('127.0.0.1:18210,bind=127.0.0.1')).toMatch(gateway);
    expect(ask('[::1]:18210')).toMatch(gateway);
    expect(ask('192.168.77.1:18210')).toBe('192.168.77.1\n');
    expect(host().there('socat -T2 - TCP:192.168.77.1:18210')).toBe('192.168.77.2\n');
  });

  scenario('the same port on a loopback elsewhere is somebody else’s', ['socat'], async (rig) => {
    const local = ['sh', '-c', 'socat TCP-LISTEN:18220,fork,reuseaddr SYSTEM:"echo mine" & exec sleep 1000'];
    rig.stack({ web: answering(80, 'echo published', { ports: ['18220:80'] }), other: { ...quick, command: local } });
    await rig.up();
    await fast(rig);
    await eventually(() => expect(ask('127.0.0.1:18220')).toBe('published\n'));
    await eventually(async () => expect(await inside(rig, 'other', 'socat -T2 - TCP:127.0.0.1:18220')).toBe('mine\n'));
    expect(host().there('socat -T2 - TCP:127.0.0.1:18220')).toContain('refused');
  });

  scenario('connections survive the net process, and new ones come to its heir', ['socat'], async (rig) => {
    rig.stack({ web: echo(18230) });
    await rig.up();
    await fast(rig);
    await eventually(async () => (await connected(18230)).destroy());
    const socket = await connected(18230);
    await echoes(socket, 'before');
    for (let round = 0; round < 3; round++) {
      kill((await status(rig))?.workerPid as number, 'SIGKILL');
      await eventually(async () => (await connected(18230)).destroy());
      await echoes(socket, `round ${round}`);
      await fast(rig);
      await echoes(socket, `round ${round}, fast`);
    }
    // The monitors would bring it back.
    killOurs(rig.project);
    for (const pid of netProcesses(rig.project)) kill(pid, 'SIGSTOP');
    for (const pid of netProcesses(rig.project)) kill(pid, 'SIGKILL');
    // The container would answer: refused means that nobody is sent there any more.
    await eventually(() => expect(ask('127.0.0.1:18230')).toContain('refused'));
    await eventually(() => expect(programs(rig)).toEqual([]));
    socket.destroy();
  });

  scenario('a port that goes, changes or moves to another container does so at once', ['socat'], async (rig) => {
    const web = (...ports: string[]) => ({ web: answering(80, 'echo $$SOCAT_SOCKADDR', { ports }) });
    rig.stack(web('18240:80', '18241:80'));
    await rig.up();
    await fast(rig, 2);
    await eventually(() => expect(ask('127.0.0.1:18240')).toMatch(/^10\.20[1-4]\./));
    await rig.ok(['restart', 'web']);
    await eventually(() => expect(ask('127.0.0.1:18240')).toMatch(/^10\.20[1-4]\./));
    rig.stack({ ...web('18241:80'), taken: answering(81, 'echo other', { ports: ['18240:81'] }) });
    await rig.up();
    await fast(rig, 2);
    await eventually(() => expect(ask('127.0.0.1:18240')).toBe('other\n'));
    await eventually(() => expect(ask('127.0.0.1:18241')).toMatch(/^10\.20[1-4]\./));
    await rig.ok(['down']);
    expect(ask('127.0.0.1:18240')).toContain('refused');
    const server = createServer((client) => client.on('error', () => {}).end('free\n')).listen(18240, '127.0.0.1');
    try {
      await once(server, 'listening');
      const socket = await connected(18240);
      expect(String((await once(socket, 'data'))[0])).toBe('free\n');
    } finally {
      server.close();
    }
    await eventually(() => expect(shell('ip route')).not.toMatch(/10\.20[1-5]\./));
  });

  scenario(
    'a host that refuses programs, or goes elsewhere, has the listeners alone',
    ['socat', 'python3'],
    async (rig) => {
      rig.stack({ web: answering(80, seen, { ports: ['18250:80'] }) });
      const refusing = rig.write('refusing.py', refuseBpf);
      const cli = rig.start(['up', '-d'], { env: {} });
      expect(await ended(cli)).toMatchObject({ code: 0 });
      await fast(rig);
      await rig.ok(['down']);
      const command = cli.spawnargs.map((part) => `'${part}'`).join(' ');
      for (const what of ['all', 'links']) {
        expect(shell(`cd ${rig.directory} && python3 ${refusing} ${what} ${command} && echo up`)).toContain('up');
        await eventually(() => expect(ask('127.0.0.1:18250')).toMatch(gateway));
        expect((await status(rig))?.ports.map((port) => port.fast)).toEqual([false]);
        expect(programs(rig)).toEqual([]);
        await rig.ok(['down']);
      }

      await rig.up();
      await fast(rig);
      const subnet = /10\.20[1-4]\.\d+\.0\/24/.exec(shell('ip route'))?.[0] ?? '';
      afterwards(`ip route del ${subnet} via 192.168.77.2`);
      shell(`ip route del ${subnet} && ip route add ${subnet} via 192.168.77.2`);
      rig.stack({ web: answering(80, seen, { ports: ['18250:80', '18251:80'] }) });
      await rig.up();
      await eventually(() => expect(ask('127.0.0.1:18251')).toMatch(gateway));
      expect((await status(rig))?.ports.map((port) => port.fast)).toEqual([false, false]);
      expect(shell('ip route')).toContain(`${subnet} via 192.168.77.2`);
    },
  );

  scenario('a host whose packet filter knows loopback alone has the listeners alone', ['socat'], async (rig) => {
    const rules = 'table inet mine { chain in { type filter hook input priority 0; policy drop; iif lo accept; }; }';
    expect(shell(`echo '${rules}' | nft -f -`)).toBe('');
    try {
      rig.stack({ web: answering(80, seen, { ports: ['18260:80'] }) });
      await rig.up();
      // It answers when it has tried.
      expect((await status(rig))?.ports.map((port) => port.fast)).toEqual([false]);
      await eventually(() => expect(ask('127.0.0.1:18260')).toMatch(gateway));
    } finally {
      shell('nft delete table inet mine');
    }
  });
});

/** Runs a command under a seccomp filter by which bpf(2) is refused: `all` of it, or `links`, as where Linux has no tcx. */
const refuseBpf = `
import ctypes, errno, os, platform, struct, sys
number = {'x86_64': 321, 'aarch64': 280}[platform.machine()]
refuse, allow = (0x06, 0, 0, 0x00050000 | errno.EINVAL), (0x06, 0, 0, 0x7fff0000)
code = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16)]
if sys.argv[1] == 'all':
    code += [(0x15, 0, 0, 0), refuse, allow]
else:
    code += [(0x15, 0, 1, 28), refuse, allow]
filter = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *each) for each in code))
program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', len(code), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit('cannot filter: errno %d' % ctypes.get_errno())
os.execvp(sys.argv[2], sys.argv[2:])
`;
