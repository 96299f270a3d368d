// npm run bench [-- --rounds N --containers N --json FILE]
//
// Times `up -d` (cold), `up -d` (nothing to do), `ps` and `down` for a stack of services with limits and no network, and
// weighs what stays resident, beside floors measured in the same run: a bare `node -e 0`, and a C program that does the same
// clones, mounts and cgroup writes with no logic (floor/). Other tools take part when they are installed and work. Rounds
// are interleaved, so that a noisy machine is noisy for everybody; figures are medians, and ratios rather than promises.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { others } from './others.mjs';
import { withTmpfsRun } from './own-run.mjs';
import { bytesResident } from './resident.mjs';

withTmpfsRun();

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    containers: { type: 'string', default: '20' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const containers = Number(values.containers);
const here = fileURLToPath(new URL('.', import.meta.url));
const cli = join(here, '../dist/tscompose.cjs');
const directory = mkdtempSync(join(tmpdir(), 'tscompose-bench-'));
const project = `bench-${process.pid}`;
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

/** Milliseconds a command takes as a whole process; one that fails ends the bench. */
function timed(command, args, options = {}) {
  const began = process.hrtime.bigint();
  const run = spawnSync(command, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  const ms = Number(process.hrtime.bigint() - began) / 1e6;
  if (run.error) throw run.error;
  if (run.status !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${run.status}\n${run.stdout}${run.stderr}`);
  return ms;
}

const node = (...args) => timed(process.execPath, args);
const ours = (...args) => node(cli, '-p', project, '-f', join(directory, 'stack.yml'), ...args);

function prepare() {
  const floor = join(directory, 'floor');
  const sources = ['main.c', 'root.c', 'cgroups.c'].map((name) => join(here, 'floor', name));
  execFileSync('cc', ['-static', '-O2', '-o', floor, ...sources], { stdio: 'inherit' });
  const lower = join(directory, 'lower');
  for (const folder of ['bin', 'proc', 'sys', 'dev', 'etc']) mkdirSync(join(lower, folder), { recursive: true });
  for (const file of ['hostname', 'hosts', 'resolv.conf']) writeFileSync(join(lower, 'etc', file), '');
  copyFileSync(floor, join(lower, 'bin/floor'));
  const service = {
    rootfs: './lower',
    command: ['/bin/floor'],
    network_mode: 'none',
    cpus: 0.5,
    mem_limit: '128m',
    pids_limit: 100,
    // The command is not PID 1 and has no handler: it ends at once.
    stop_grace_period: '10s',
  };
  const services = Object.fromEntries(Array.from({ length: containers }, (_, i) => [`s${i + 1}`, service]));
  writeFileSync(join(directory, 'stack.yml'), JSON.stringify({ services }, null, 2));
  return floor;
}

function floorRun(floor, mode) {
  rmSync(join(directory, 'up'), { recursive: true, force: true });
  mkdirSync(join(directory, 'up'));
  const text = execFileSync(floor, [String(containers), directory, mode], { encoding: 'utf8', env: {} });
  return JSON.parse(text);
}

/** Every measure of one round, by its name. */
function round(floor, rivals) {
  const sample = {};
  sample['node -e 0'] = node('-e', '0');
  const forked = floorRun(floor, 'forked');
  sample['floor: up'] = forked.up_ms;
  sample['floor: down'] = forked.down_ms;
  sample['floor, one after the other: up'] = floorRun(floor, 'sequential').up_ms;
  sample['tscompose: up -d, cold'] = ours('up', '-d');
  sample['tscompose: up -d, nothing to do'] = ours('up', '-d');
  sample['tscompose: ps'] = ours('ps');
  const resident = bytesResident(project);
  sample['tscompose: resident processes'] = resident.processes;
  sample['tscompose: PSS of all of them, kB'] = resident.pssKb;
  sample['tscompose: down'] = ours('down');
  for (const rival of rivals) Object.assign(sample, rival.round(timed));
  return sample;
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function summarise(samples) {
  const names = [...new Set(samples.flatMap((sample) => Object.keys(sample)))];
  return Object.fromEntries(
    names.map((name) => {
      const all = samples.map((sample) => sample[name]).filter((value) => value !== undefined);
      return [name, { median: median(all), min: Math.min(...all), max: Math.max(...all) }];
    }),
  );
}

function ratiosOf(table) {
  const at = (name) => table[name].median;
  const start = at('node -e 0');
  return {
    'up, cold ÷ (node + floor)': at('tscompose: up -d, cold') / (start + at('floor: up')),
    'up, nothing to do ÷ node': at('tscompose: up -d, nothing to do') / start,
    'ps ÷ node': at('tscompose: ps') / start,
    'down ÷ (node + floor)': at('tscompose: down') / (start + at('floor: down')),
    'resident kB a container': at('tscompose: PSS of all of them, kB') / containers,
    ...rivalRatios(table, at),
  };
}

/** How many times as long as ours the others take. */
function rivalRatios(table, at) {
  const pairs = [
    ['docker compose: up -d, cold', 'tscompose: up -d, cold'],
    ['docker compose: up -d, nothing to do', 'tscompose: up -d, nothing to do'],
    ['docker compose: ps', 'tscompose: ps'],
    ['docker compose: down', 'tscompose: down'],
    ['podman run -d, one after the other', 'tscompose: up -d, cold'],
    ['podman: ps', 'tscompose: ps'],
    ['podman rm -f', 'tscompose: down'],
  ];
  const measured = pairs.filter(([theirs]) => table[theirs] !== undefined);
  return Object.fromEntries(measured.map(([theirs, own]) => [`${theirs} ÷ ours`, at(theirs) / at(own)]));
}

function print(table, ratios, absent) {
  const cell = (value) => value.toFixed(1).padStart(10);
  console.log(
    `${'milliseconds unless named otherwise'.padEnd(44)}${['median', 'min', 'max'].map((t) => t.padStart(10)).join('')}`,
  );
  for (const [name, { median: middle, min, max }] of Object.entries(table)) {
    console.log(name.padEnd(44) + cell(middle) + cell(min) + cell(max));
  }
  console.log('');
  for (const [name, value] of Object.entries(ratios)) console.log(name.padEnd(44) + value.toFixed(2).padStart(10));
  for (const reason of absent) console.log(`not measured: ${reason}`);
}

let failed;
const rivals = [];
try {
  const floor = prepare();
  const { present, absent } = await others({ directory, containers });
  rivals.push(...present);
  // The first up builds caches that every later one finds: it is not a measurement.
  ours('up', '-d');
  ours('down');
  const samples = Array.from({ length: rounds }, () => round(floor, present));
  const table = summarise(samples);
  const ratios = ratiosOf(table);
  print(table, ratios, absent);
  const versions = present.map(({ version }) => version);
  for (const version of versions) console.log(`compared with ${version}`);
  const machine = { node: process.version, kernel: release(), cpus: cpus().length, cpu: cpus()[0]?.model ?? 'unknown' };
  const result = JSON.stringify({ schema: 1, machine, rounds, containers, table, ratios, versions, absent });
  if (values.json) writeFileSync(values.json, `${result}\n`);
  else console.log(result);
  execFileSync(process.execPath, [join(here, 'load.mjs')], { stdio: 'inherit', env: environment });
} catch (error) {
  failed = error;
} finally {
  for (const rival of rivals) await rival.close();
  spawnSync(process.execPath, [cli, '-p', project, '-f', join(directory, 'stack.yml'), 'down', '-v'], {
    env: environment,
  });
  rmSync(directory, { recursive: true, force: true });
}
if (failed) {
  console.error(String(failed.message ?? failed));
  process.exitCode = 1;
}
