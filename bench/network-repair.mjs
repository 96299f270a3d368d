import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { median, round } from './figures.mjs';

const PORT = 19200;

/**
 * How long a published port is closed when the processes that hold it are killed: milliseconds from the kill to the first
 * answer through the listener. Connections of the fast path need neither of them.
 */
export async function measureRepair({ directory, rounds, ours, project }) {
  const file = join(directory, 'repair.yml');
  const echo = ['socat', 'TCP-LISTEN:80,fork,reuseaddr', 'PIPE'];
  const service = { rootfs: { host: ['socat'] }, command: echo, stop_grace_period: '0s' };
  writeFileSync(file, JSON.stringify({ services: { web: { ...service, ports: [`${PORT}:80`] } } }));
  ours(file, 'up', '-d');
  while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, 10));
  const times = { one: [], both: [] };
  for (let i = 0; i < rounds; i++) {
    for (const role of ['work', 'keep']) times.one.push(await closedFor(pair(project, role)));
    times.both.push(await closedFor(pair(project, 'keep', 'work')));
  }
  ours(file, 'down');
  const figures = {};
  for (const [which, samples] of Object.entries(times)) {
    figures[`port after kill -9 of ${which}: ms`] = round(median(samples));
    figures[`port after kill -9 of ${which}: longest, ms`] = round(Math.max(...samples));
  }
  return figures;
}

/** Stopped first, neither of two can bring the other back. */
async function closedFor(pids) {
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const began = process.hrtime.bigint();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  while (!(await answers())) if (elapsed(began) > 10_000) throw new Error('the port does not come back');
  const ms = elapsed(began);
  await new Promise((resolve) => setTimeout(resolve, 1100)); // Those who die young wait longer.
  return ms;
}

const elapsed = (began) => Number(process.hrtime.bigint() - began) / 1e6;

/** A connection alone says nothing: the kernel makes it while the listener’s process is still dying. */
function answers() {
  return new Promise((resolve) => {
    const socket = createConnection(PORT, '::1');
    const end = (fine) => {
      socket.destroy();
      resolve(fine);
    };
    socket.write('x');
    socket
      .once('data', () => end(true))
      .once('error', () => end(false))
      .once('close', () => end(false));
  });
}

function pair(project, ...roles) {
  return readdirSync('/proc').flatMap((pid) => {
    try {
      const [name, role] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      const ours = name === 'tsc-net' && readlinkSync(`/proc/${pid}/cwd`).includes(project);
      return ours && roles.includes(role) ? [Number(pid)] : [];
    } catch {
      return [];
    }
  });
}
