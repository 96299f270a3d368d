import { createConnection } from 'node:net';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { quick } from '../support/networked.ts';
import { ownHost } from '../support/private-host.ts';
import { type Rig, scenario } from '../support/scenario.ts';

/** Answers each connection with its own pid in the container and the time it was started: one text for each life. */
const server = `
const life = String(Date.now());
require('node:net').createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end(life));
}).listen(80);`;

/** One try: the life that answered, or undefined. A server that neither answers nor resets would hold it for ever. */
function attempt(address: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = createConnection({ host: address, port });
    socket.on('error', () => resolve(undefined));
    socket.on('data', (bytes) => (answer += bytes));
    socket.on('end', () => resolve(answer === '' ? undefined : answer));
    socket.on('close', () => resolve(answer === '' ? undefined : answer));
    socket.write('who');
  });
}

type Try = { readonly began: number; readonly ended: number; readonly life: string | undefined };

/** A client that asks until `done`, again and again, and tries again at once where it gets no answer. */
async function client(address: string, port: number, done: () => boolean): Promise<Try[]> {
  const tries: Try[] = [];
  while (!done()) {
    const began = performance.now();
    tries.push({ began, life: await attempt(address, port), ended: performance.now() });
    if (tries.at(-1)?.life === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return tries;
}

const addresses = ['127.0.0.1', '::1', '192.168.77.1'];

describe('a restart under load', () => {
  ownHost();

  scenario(
    'clients that try again lose nothing but the time for which the service is away, whichever way they come',
    ['socat'],
    async (rig: Rig) => {
      rig.write('server.js', server);
      rig.stack({
        web: {
          ...quick,
          rootfs: { host: ['node'] },
          command: ['node', '/server.js'],
          volumes: ['./server.js:/server.js:ro'],
          ports: ['18370:80'],
        },
      });
      await rig.up();
      const first = (otherThan?: string): Promise<string> =>
        eventually(async () => {
          const life = await attempt('127.0.0.1', 18370);
          if (life === undefined || life === otherThan) throw new Error(`no other life answers than ${otherThan}`);
          return life;
        });
      let life = await first();
      let done = false;
      const clients = addresses.flatMap((address) =>
        Array.from({ length: 4 }, () => client(address, 18370, () => done)),
      );
      const began: number[] = [];
      try {
        for (let round = 0; round < 3; round++) {
          began.push(performance.now());
          await rig.ok(['restart', 'web']);
          life = await first(life);
        }
      } finally {
        done = true;
      }
      const tries = (await Promise.all(clients)).flat();
      const lives = [...new Set(tries.flatMap(({ life }) => life ?? []))].sort();
      expect(lives).toHaveLength(4);
      // The time from which each life has been there, by the first client that saw it.
      const there = lives.map((life) =>
        Math.min(...tries.filter((each) => each.life === life).map(({ ended }) => ended)),
      );
      const away = began.map((from, round) => ({ from, to: there[round + 1] ?? 0 }));
      const failed = tries.filter(({ life }) => life === undefined);
      const lost = failed.filter((each) => !away.some(({ from, to }) => each.ended >= from && each.began <= to));
      expect(lost).toEqual([]);
      // Nobody was held by what was gone, nor sent there.
      const late = tries.filter(
        ({ life, began: at }) => life !== undefined && at > (there[lives.indexOf(life) + 1] ?? at),
      );
      expect(late).toEqual([]);
      expect(failed.length).toBeGreaterThan(0);
    },
    60_000,
  );
});
