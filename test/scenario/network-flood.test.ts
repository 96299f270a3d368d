import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { answering, idle, inside, netWorkerOf, quick } from '../support/networked.ts';
import { ownHost, shell } from '../support/private-host.ts';
import { scenario } from '../support/scenario.ts';

/** Asks COUNT names at the gateway, at once; prints how many were refused, and waits until it is told to end. */
const asker = `
const { createSocket } = require('node:dgram');
const server = require('node:fs').readFileSync('/etc/resolv.conf', 'utf8').match(/nameserver (\\S+)/)[1];
const socket = createSocket('udp4');
let refused = 0;
socket.on('message', (answer) => { refused += (answer[3] & 15) === 2 ? 1 : 0; });
const query = (i) => {
  const name = 'mute' + i + '.example';
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([Buffer.from([i >> 8, i & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
};
// Again and again: what is out is given up after a while.
setInterval(() => { for (let i = 0; i < 400; i++) socket.send(query(i), 53, server); }, 200);
setInterval(() => console.log(refused), 100);`;

/** A resolver that is silent about what begins with "mute", and knows 192.0.2.7 for all the rest. */
const resolver = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('192.168.77.2', 53))
while True:
    q, who = s.recvfrom(4096)
    if q[13:17] == b'mute': continue
    end = 12
    while q[end]: end += q[end] + 1
    s.sendto(q[:2] + b'\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0' + q[12:end + 5] + b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4\\xc0\\0\\2\\7', who)
`;

/** How many bytes of a server at this port each of our sockets has that nobody has read. */
const heldFrom = (port: number): readonly number[] =>
  readFileSync('/proc/thread-self/net/tcp6', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/[ :]+/))
    .filter(([, , , , remotePort]) => Number.parseInt(remotePort ?? '', 16) === port)
    .map((fields) => Number.parseInt(fields[7] ?? '', 16));

describe('more than the net process can hold', () => {
  const host = ownHost();

  scenario(
    'a container that floods the resolver is refused, and the others are answered',
    ['socat', 'dig', 'python3'],
    async (rig) => {
      host().serveThere('python3', rig.write('resolver.py', resolver));
      rig.write('asker.js', asker);
      const dns = ['192.168.77.2'];
      rig.stack({
        flood: {
          ...quick,
          rootfs: { host: ['node'] },
          command: ['node', '/asker.js'],
          volumes: ['./asker.js:/asker.js:ro'],
          dns,
        },
        calm: idle({ dns }),
      });
      await rig.up();
      await eventually(async () =>
        expect((await rig.ok(['logs', '--no-log-prefix', '-n', '1', 'flood'])).stdout).toMatch(/^[1-9]/),
      );
      expect(await inside(rig, 'calm', 'dig +short +tries=1 +time=2 some.example')).toBe('192.0.2.7\n');
      expect(await inside(rig, 'calm', 'dig +short +tries=1 +time=2 calm')).toMatch(/^10\./);
    },
  );

  scenario(
    'without descriptors clients wait, and all are served when there are some again, though nobody has left',
    ['socat', 'prlimit'],
    async (rig) => {
      rig.stack({
        web: {
          ...quick,
          command: ['socat', 'TCP-LISTEN:80,fork,reuseaddr', 'EXEC:cat'],
          ports: ['18380:80'],
        },
      });
      await rig.up();
      const worker = await netWorkerOf(rig);
      const files = () => readdirSync(`/proc/${worker}/fd`).map(Number);
      const allow = (count: number) => shell(`prlimit --pid ${worker} --nofile=${count}:`);
      const sockets: Socket[] = [];
      const open = () => {
        const socket = createConnection(18380, '::1');
        sockets.push(socket);
        socket.on('error', () => {});
        return new Promise<string>((resolve) => {
          socket.once('data', (bytes) => resolve(String(bytes)));
          socket.once('close', () => resolve('closed'));
          socket.write('hello');
        });
      };
      try {
        await eventually(async () => expect(await open()).toBe('hello'));
        // A connection takes two: one that is left over serves nobody, and costs nobody.
        for (const odd of [0, 1]) {
          const used = files();
          const least = Math.max(...used) + 5;
          const limit = least + (Math.abs(least - used.length - odd) % 2);
          allow(limit);
          const answers = Array.from({ length: 40 }, open);
          await Promise.all(sockets.slice(-40).map((socket) => socket.connecting && once(socket, 'connect')));
          await eventually(() => expect(files().length).toBeGreaterThanOrEqual(limit - 1));
          allow(4096);
          expect((await Promise.all(answers)).filter((text) => text !== 'hello')).toEqual([]);
        }
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
  );

  scenario(
    'what clients do not take in time waits without descriptors too, and comes whole',
    ['socat', 'prlimit'],
    async (rig) => {
      const count = 1_400_000;
      const rootfs = { host: ['sh', 'socat', 'seq'] };
      rig.stack({ web: answering(80, `read go; seq ${count}`, { rootfs, ports: ['18381:80'] }) });
      await rig.up();
      const worker = await netWorkerOf(rig);
      const files = () => readdirSync(`/proc/${worker}/fd`).map(Number);
      const before = files().length;
      const { pid } = await running(rig, 'web');
      const table = () => ['tcp', 'tcp6'].map((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8')).join('');
      await eventually(() => expect(table(), 'who listens at port 80').toMatch(/:0050 \S+ 0A /));
      const sockets = Array.from({ length: 4 }, () =>
        createConnection(18381, '::1')
          .on('error', () => {})
          .pause(),
      );
      try {
        await eventually(() => expect(files().length).toBeGreaterThanOrEqual(before + 2 * sockets.length));
        shell(`prlimit --pid ${worker} --nofile=${Math.max(...files()) + 1}:`);
        for (const socket of sockets) socket.write('go\n');
        // Nobody reads: what the kernel holds for each is full, and the proxy is stuck with all of them.
        await eventually(async () => {
          const held = heldFrom(18381);
          expect(held.filter((bytes) => bytes > 0)).toHaveLength(sockets.length);
          await new Promise((resolve) => setTimeout(resolve, 100));
          expect(heldFrom(18381)).toEqual(held);
        });
        const expected = createHash('sha256').update(Array.from({ length: count }, (_, i) => `${i + 1}\n`).join(''));
        const received = sockets.map(async (socket) => {
          const hash = createHash('sha256');
          for await (const bytes of socket) hash.update(bytes);
          return hash.digest('hex');
        });
        const digest = expected.digest('hex');
        expect(await Promise.all(received)).toEqual(sockets.map(() => digest));
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
  );
});
