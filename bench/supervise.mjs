// How fast a container comes back, and what its supervisor weighs: node bench/supervise.mjs
// Beside the start of a bare Node, measured in the same run: absolute times say more about the machine than about us.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { withTmpfsRun } from './own-run.mjs';

withTmpfsRun();

const cli = join(import.meta.dirname, '../dist/tscompose.cjs');
const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const directory = mkdtempSync(join(tmpdir(), 'tsc-bench-'));
const fifo = join(directory, 'signs/alive');
const project = `bench${process.pid}`;
const run = (...args) =>
  execFileSync(process.execPath, [cli, '-p', project, '-f', join(directory, 'stack.yml'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
const stack = (services) => writeFileSync(join(directory, 'stack.yml'), JSON.stringify({ services }));

const sleeper = (more = {}) => ({
  rootfs: { host: ['/bin/sleep'] },
  command: ['/bin/sleep', '100000'],
  network_mode: 'none',
  stop_grace_period: '0s',
  ...more,
});
const restart = { deploy: { restart_policy: { condition: 'any', delay: '0s' } } };
const healthcheck = { test: ['CMD', '/bin/sleep', '0'], interval: '5s' };

function timed(work) {
  const began = performance.now();
  work();
  return performance.now() - began;
}

const events = () =>
  readFileSync(`/var/lib/tscompose/projects/${project}/events`, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** From each end to the start that follows it, by the monitor's own clock. */
function gaps(container) {
  const own = events().filter((event) => event.container === container);
  return own.flatMap((event, i) => {
    if (event.kind !== 'ended') return [];
    const next = own.slice(i).find(({ kind, startedAtMs }) => kind === 'started' && startedAtMs >= event.endedAtMs);
    return next === undefined ? [] : [next.startedAtMs - event.endedAtMs];
  });
}

const pidOf = (service) =>
  run('ps', '--json', service)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line).status.pid)[0];

/** Who brings a killed monitor back: the one process of a project beside its monitors. */
function isKeeper(pid) {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return readFileSync(`/proc/${pid}/comm`, 'utf8') === 'tsc:keeper\n' && words.some((word) => word.includes(project));
  } catch {
    return false;
  }
}

function supervisorPid() {
  return readdirSync('/proc').find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.includes('supervise') && words.includes(project);
    } catch {
      return false;
    }
  });
}

/**
 * From kill -9 to the first act of the command's next life, as it is seen from outside: by a read of a FIFO that blocks,
 * because whoever looks again and again takes one of the processors away from what is measured.
 */
async function returns(service, count) {
  // Whoever writes waits for somebody to read.
  const sign = openSync(fifo, 'r+');
  const act = () => readSync(sign, Buffer.alloc(16));
  const times = [];
  act();
  for (let i = 0; i < count; i++) {
    await pause(100);
    const pid = pidOf(service);
    times.push(
      timed(() => {
        process.kill(pid, 'SIGKILL');
        act();
      }),
    );
  }
  closeSync(sign);
  return median(times);
}

async function crashes(service, count) {
  for (let i = 1; i <= count; i++) {
    process.kill(pidOf(service), 'SIGKILL');
    for (let turn = 0; gaps(`${project}-${service}-1`).length < i; turn++) {
      if (turn > 500) throw new Error('it does not come back');
      await pause(20);
    }
  }
  return median(gaps(`${project}-${service}-1`));
}

try {
  const bare = median(Array.from({ length: 7 }, () => timed(() => spawnSync(process.execPath, ['-e', '0'], { env }))));
  const show = (what, ms) =>
    console.log(
      `${what.padEnd(52)} ${ms.toFixed(1).padStart(8)} ms  ${(ms / bare).toFixed(2).padStart(5)} x bare node`,
    );
  show('bare node', bare);

  stack({ web: sleeper(restart), other: sleeper({ healthcheck }) });
  run('up', '-d');
  await pause(1000);
  show('crash to clone, supervisor resident (median of 15)', await crashes('web', 15));
  run('down');

  const act = 'echo > /signs/alive; exec sleep 100000';
  const signing = { rootfs: { host: ['sh', 'sleep'] }, command: ['sh', '-c', act], volumes: ['./signs:/signs'] };
  mkdirSync(dirname(fifo));
  execFileSync('mkfifo', [fifo]);
  stack({ web: sleeper({ ...restart, ...signing }), other: sleeper({ healthcheck }) });
  run('up', '-d');
  await pause(1000);
  show('kill to the first act of the next life, resident (15)', await returns('web', 15));
  run('down');

  const asleep = [];
  stack({ web: sleeper(restart) });
  for (let i = 0; i < 5; i++) {
    run('up', '-d');
    asleep.push(await crashes('web', 1));
    run('down');
  }
  show('crash to clone, supervisor asleep (median of 5)', median(asleep));

  const wokenReturns = async (policy) => {
    const times = [];
    stack({ web: sleeper({ ...policy, ...signing }) });
    for (let i = 0; i < 7; i++) {
      run('up', '-d');
      await pause(500);
      times.push(await returns('web', 1));
      run('down');
    }
    return median(times);
  };
  show('kill to the first act of the next life, asleep (7)', await wokenReturns(restart));
  // What wakes the supervisor is over before the usual back-off is.
  const usualBackOffMs = 100;
  show(
    '  with the usual back-off, and without its 100 ms',
    (await wokenReturns({ restart: 'always' })) - usualBackOffMs,
  );

  const server = (i) => ({
    ...sleeper(),
    rootfs: { host: ['/bin/busybox'] },
    command: ['/bin/busybox', 'httpd', '-f', '-p', '7000'],
    'x-tscompose': { probes: { readiness: { tcp: { port: 7000 }, interval: '1s' } } },
    ...(i > 0 && { depends_on: { [`s${i - 1}`]: { condition: 'service_healthy' } } }),
  });
  const chain = (length) => {
    stack(Object.fromEntries(Array.from({ length }, (_, i) => [`s${i}`, server(i)])));
    const ms = timed(() => run('up', '-d', '--wait'));
    run('down');
    return ms;
  };
  chain(1);
  const one = chain(1);
  const ten = chain(10);
  show('up --wait of one service with a tcp probe', one);
  show('up --wait of ten, each waiting for the one before', ten);
  show('  a further link', (ten - one) / 9);

  const life = (count) => {
    stack(Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, sleeper()])));
    const up = timed(() => run('up', '-d'));
    return { up: up / count, down: timed(() => run('down')) / count };
  };
  const lives = Array.from({ length: 5 }, () => ({ few: life(20), many: life(200) }));
  for (const what of ['up', 'down']) {
    const ratio = median(lives.map(({ many }) => many[what])) / median(lives.map(({ few }) => few[what]));
    console.log(`${what} of 200 services ÷ ${what} of 20, each by service`.padEnd(52) + ratio.toFixed(2).padStart(11));
  }

  const many = 200;
  stack(Object.fromEntries(Array.from({ length: many }, (_, i) => [`s${i}`, sleeper({ healthcheck })])));
  run('up', '-d');
  await pause(8000);
  const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${supervisorPid()}/status`, 'utf8'));
  console.log(
    `resident memory of the supervisor of ${many} services with health checks: ${Math.round(rss[1] / 1024)} MB`,
  );
  run('down');

  stack({ web: sleeper(restart) });
  run('up', '-d');
  await pause(3000);
  const keeper = readdirSync('/proc').find((pid) => isKeeper(pid));
  const pss = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${keeper}/smaps_rollup`, 'utf8'))[1];
  console.log(
    `when nothing needs time: ${supervisorPid() === undefined ? 'no' : 'a'} supervisor, a keeper of ${pss} kB`,
  );
} finally {
  try {
    run('down', '-v');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
