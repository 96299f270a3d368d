// node bench/commands.mjs [--rounds N] [--megabytes N] [--containers N] [--json FILE]
//
// What the commands of a day cost: `exec SERVICE true` and completion beside a bare `node -e 0` of the same round; how fast
// `logs` prints (as it is, and with prefixes), and how soon it shows the last ten lines of that log; and the processor time
// of one refresh of `stats`. Rounds are interleaved, figures are medians.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    megabytes: { type: 'string', default: '1000' },
    containers: { type: 'string', default: '200' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const megabytes = Number(values.megabytes);
const containers = Number(values.containers);
const cli = fileURLToPath(new URL('../dist/tscompose.cjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'tscompose-bench-'));
const project = `benchcmd-${process.pid}`;
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

function run(...args) {
  const began = process.hrtime.bigint();
  const child = spawnSync(process.execPath, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  if (child.status !== 0) throw new Error(`${args.join(' ')}: ${child.stdout}${child.stderr}`);
  return { ms: Number(process.hrtime.bigint() - began) / 1e6 };
}

const ours = (file, ...args) => run(cli, '-p', project, '-f', join(directory, file), ...args);
/** Into nothing: what is measured is our printing, not somebody's reading. */
function quiet(...args) {
  const began = process.hrtime.bigint();
  const child = spawnSync('sh', ['-c', '"$0" "$@" >/dev/null', process.execPath, cli, ...args], { env: environment });
  if (child.status !== 0) throw new Error(`${args.join(' ')}: ${child.stderr}`);
  return Number(process.hrtime.bigint() - began) / 1e6;
}

const sleeper = {
  rootfs: { host: ['sleep', 'true'] },
  command: ['sleep', '1000'],
  network_mode: 'none',
  stop_grace_period: '0s',
};

function prepare() {
  const line = '0123456789'.repeat(7).slice(0, 69);
  const flood = {
    rootfs: { host: ['sh', 'yes', 'head'] },
    command: ['sh', '-c', `yes ${line} | head -c ${megabytes}000000`],
    network_mode: 'none',
    logging: { options: { 'max-size': '2g' } },
  };
  writeFileSync(join(directory, 'stack.yml'), JSON.stringify({ services: { web: sleeper, flood } }));
  writeFileSync(
    join(directory, 'many.yml'),
    JSON.stringify({ services: { web: { ...sleeper, mem_limit: '64m', deploy: { replicas: containers } } } }),
  );
  ours('stack.yml', 'up', '-d');
  ours('stack.yml', 'wait', 'flood');
}

const common = ['-p', project, '-f', join(directory, 'stack.yml')];

function round() {
  return {
    node: run('-e', '0').ms,
    exec: ours('stack.yml', 'exec', '-T', 'web', 'true').ms,
    completion: run(cli, '__complete', '--', ...common, 'logs', 'w').ms,
    tail: quiet(...common, 'logs', '--tail', '10', 'flood'),
    plain: quiet(...common, 'logs', '--no-log-prefix', 'flood'),
    prefixed: quiet(...common, 'logs', 'flood'),
  };
}

/** Processor time of `stats` with many readings, less that with few: of what is between them. */
function refreshMs() {
  ours('many.yml', 'up', '-d', '--remove-orphans');
  const cpuOf = (seconds) => {
    const child = spawnSync(
      'sh',
      [
        '-c',
        'timeout -s INT "$1" "$2" "$3" -p "$4" stats --json >/dev/null; times',
        'sh',
        seconds,
        process.execPath,
        cli,
        project,
      ],
      { encoding: 'utf8', env: environment },
    );
    // The second line of `times` is that of the children: user and system.
    const [user = 0, system = 0] = (child.stdout.trim().split('\n').at(-1) ?? '')
      .split(/\s+/)
      .map((text) => /^(\d+)m([\d.]+)s$/.exec(text))
      .map((match) => (match === null ? 0 : Number(match[1]) * 60 + Number(match[2])));
    return (user + system) * 1000;
  };
  const [short, long] = [cpuOf('3.5'), cpuOf('13.5')];
  return Math.max(0, long - short) / 10;
}

let failed;
try {
  prepare();
  round();
  const samples = Array.from({ length: rounds }, round);
  const at = Object.fromEntries(
    Object.keys(samples[0]).map((name) => [name, median(samples.map((each) => each[name]))]),
  );
  const figures = {
    'node -e 0, ms': at.node,
    'exec SERVICE true − node, ms': at.exec - at.node,
    'completion ÷ node': at.completion / at.node,
    'logs --tail 10 ÷ node': at.tail / at.node,
    'logs, MB/s': megabytes / ((at.plain - at.node) / 1000),
    'logs with prefixes, MB/s': megabytes / ((at.prefixed - at.node) / 1000),
    [`stats of ${containers}, ms of processor a refresh`]: refreshMs(),
  };
  for (const [name, value] of Object.entries(figures)) console.log(name.padEnd(48) + value.toFixed(2).padStart(10));
  if (values.json)
    writeFileSync(values.json, `${JSON.stringify({ schema: 1, rounds, megabytes, containers, figures })}\n`);
} catch (error) {
  failed = error;
} finally {
  spawnSync(process.execPath, [cli, '-p', project, 'down', '-v'], { env: environment });
  rmSync(directory, { recursive: true, force: true });
}
if (failed) {
  console.error(String(failed.message ?? failed));
  process.exitCode = 1;
}
