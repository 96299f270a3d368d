import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ask, inside, quick } from '../support/networked.ts';
import { ownHost, shell } from '../support/private-host.ts';
import { scenario } from '../support/scenario.ts';

/** Echoes, and goes on after the other half is closed; "reset" is answered by one, "resets" by how many it has met. */
const server = `
let met = 0;
require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', (error) => { met += error.code === 'ECONNRESET' ? 1 : 0; });
  socket.once('data', (bytes) => {
    if (String(bytes) === 'reset') return socket.resetAndDestroy();
    if (String(bytes) === 'resets') return socket.end(String(met));
    socket.write(bytes);
    socket.pipe(socket);
  });
}).listen({ port: 80, host: '::', backlog: 4096 });`;

/** Says how the server above is seen at HOST PORT, with COUNT connections at a time. */
const client = `
const { createConnection } = require('node:net');
const [host, port, count] = process.argv.slice(2);
const open = (text) => { const socket = createConnection({ host, port, allowHalfOpen: true }); socket.write(text); return socket; };
const first = (socket) => new Promise((resolve) => socket.once('data', (bytes) => resolve(String(bytes))).once('error', (error) => resolve(error.code)));
const whole = (socket) => new Promise((resolve) => { let size = 0; socket.on('data', (bytes) => (size += bytes.length)).on('end', () => resolve(size)); });
(async () => {
  const halfClosed = open('x'.repeat(1000000));
  halfClosed.end();
  const echoed = await whole(halfClosed);
  const reset = await first(open('reset'));
  const before = Number(await first(open('resets')));
  const mine = open('hello');
  await first(mine);
  mine.resetAndDestroy();
  let passed = false;
  while (!passed) passed = Number(await first(open('resets'))) > before;
  const sockets = Array.from({ length: Number(count) }, () => open('hello'));
  const answers = await Promise.all(sockets.map(first));
  console.log(JSON.stringify({ echoed, reset, passed, answered: answers.filter((text) => text === 'hello').length }));
  process.exit(0);
})();`;

describe('the ways to a published port', () => {
  const host = ownHost();

  scenario(
    'half-closed connections, resets both ways and thousands at a time pass on each of them',
    ['socat'],
    async (rig) => {
      rig.write('server.js', server);
      const script = rig.write('client.js', client);
      rig.stack({
        web: {
          ...quick,
          rootfs: { host: ['sh', 'node'] },
          command: ['node', '/server.js'],
          volumes: ['./server.js:/server.js:ro', './client.js:/client.js:ro'],
          ports: ['18350:80'],
        },
      });
      await rig.up();
      await eventually(() => expect(shell('printf resets | socat -t5 - TCP:127.0.0.1:18350')).toMatch(/^\d+$/));
      const node = `env -u NODE_EXTRA_CA_CERTS ${process.execPath} ${script}`;
      const fine = (answered: number) => ({ echoed: 1_000_000, reset: 'ECONNRESET', passed: true, answered });
      for (const address of ['127.0.0.1', '::1', '192.168.77.1'])
        expect(JSON.parse(shell(`${node} ${address} 18350 2000`)), address).toEqual(fine(2000));
      for (const address of ['192.168.77.1', 'fd77::1'])
        expect(JSON.parse(host().there(`${node} ${address} 18350 500`)), `${address} from the LAN`).toEqual(fine(500));
      // Hairpin: the container asks for its own port at an address of the host.
      const own = await inside(rig, 'web', 'node /client.js 192.168.77.1 18350 500');
      expect(JSON.parse(own), 'from the container itself').toEqual(fine(500));
      await rig.ok(['down', '-t', '0']);
      expect(ask('127.0.0.1:18350')).toContain('refused');
    },
    120_000,
  );

  scenario('UDP answers come from the address that was asked, on each of them', ['socat'], async (rig) => {
    const command = ['socat', 'UDP-LISTEN:5000,fork,reuseaddr', 'EXEC:cat'];
    rig.stack({ web: { ...quick, command, ports: ['18351:5000/udp'] } });
    await rig.up();
    const udp = (address: string) => `echo ping | socat -T2 - UDP:${address}:18351`;
    // A connected socket takes answers from nobody else.
    for (const address of ['127.0.0.1', '127.8.8.8', '[::1]', '192.168.77.1', '[fd77::1]'])
      await eventually(() => expect(shell(udp(address)), address).toBe('ping\n'));
    for (const address of ['192.168.77.1', '[fd77::1]']) expect(host().there(udp(address)), address).toBe('ping\n');
    expect(await inside(rig, 'web', udp('192.168.77.1'))).toBe('ping\n');
  });
});
