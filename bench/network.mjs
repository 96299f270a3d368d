// node bench/network.mjs [--rounds N] [--containers N] [--seconds N] [--json FILE]
//
// What networks cost: `up -d` and `down` of services with limits on one network, five ports published, beside the same
// services with `network_mode: none` and beside docker-compose; then a published port beside a listener on the host itself
// and beside one that Docker publishes, and service to service beside a plain veth pair (iperf3, nginx and wrk); and how long a port is closed when its processes die. What is not
// installed does not take part. Everything happens in a network namespace of its own, the engine included, so that the
// ports and the packet filter of the machine play no part. Ratios, rounds interleaved, medians.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { startEngine } from './engine.mjs';
import { measureLife } from './network-life.mjs';
import { measureRepair } from './network-repair.mjs';
import { measureTraffic } from './network-traffic.mjs';
import { withTmpfsRun } from './own-run.mjs';

withTmpfsRun();

if (process.env.TSC_BENCH_INSIDE === undefined) {
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  const argv = ['--net', process.execPath, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.exit(
    spawnSync('unshare', argv, { stdio: 'inherit', env: { ...environment, TSC_BENCH_INSIDE: '1' } }).status ?? 1,
  );
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    containers: { type: 'string', default: '20' },
    seconds: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const cli = fileURLToPath(new URL('../dist/tscompose.cjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'tscompose-bench-'));
const project = `benchnet-${process.pid}`;
const children = [];

/** Milliseconds of a whole command, which must succeed. */
function timed(command, args, env = process.env) {
  const began = process.hrtime.bigint();
  const run = spawnSync(command, args, { encoding: 'utf8', env });
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${run.stdout}${run.stderr}`);
  return Number(process.hrtime.bigint() - began) / 1e6;
}

const ours = (file, ...args) => timed(process.execPath, [cli, '-p', project, '-f', file, ...args]);

function background(...argv) {
  const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore', detached: true });
  children.push(child);
  return child;
}

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

function rivalOf({ image, compose, docker }) {
  const mounts = ['-v', '/usr:/usr:ro', '-v', `${directory}:/bench:ro`, '-v', '/etc:/etc:ro', '--tmpfs', '/tmp'];
  return {
    image,
    run: (file, ...args) => timed(compose.command, ['-p', project, '-f', file, ...args], compose.env),
    serve: (ports, ...argv) => {
      const run = docker('run', '-d', '-p', ports, ...mounts, '-e', 'PATH=/usr/bin:/usr/sbin', image, ...argv);
      if (run.status !== 0) throw new Error(`docker run: ${run.stderr}`);
    },
  };
}

let engine;
try {
  spawnSync('ip', ['link', 'set', 'lo', 'up']);
  engine = await startEngine(directory);
  const rival = engine.absent === undefined ? rivalOf(engine) : undefined;
  const figures = measureLife({ directory, containers: Number(values.containers), rounds, ours, rival });
  if (['iperf3', 'wrk', 'nginx'].every(has)) {
    const exec = (file, service) => `${process.execPath} ${cli} -p ${project} -f ${file} exec -T ${service}`;
    Object.assign(
      figures,
      measureTraffic({ directory, rounds: 2 * rounds + 1, seconds, background, ours, exec, project, rival }),
    );
  }
  if (has('socat')) Object.assign(figures, await measureRepair({ directory, rounds, ours, project }));
  for (const [name, value] of Object.entries(figures)) console.log(name.padEnd(58) + String(value).padStart(12));
  if (engine.absent !== undefined) console.log(`not measured: ${engine.absent}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ schema: 1, rounds, figures })}\n`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  spawnSync(process.execPath, [cli, '-p', project, 'down']);
  engine?.docker?.('rm', '-f', ...(engine.docker('ps', '-aq').stdout.match(/\w+/g) ?? []));
  await engine?.stop?.();
  rmSync(directory, { recursive: true, force: true });
}
