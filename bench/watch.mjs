// node bench/watch.mjs [--rounds N] [--json FILE]
//
// How long watch mode takes from a save on the host: until the file is in the container, until the command of the service
// has begun anew, and until a git checkout of many files is there; the last beside the time that git takes. What is
// waited for is seen through the container's own root by inotify. Figures are medians, and the worst of all rounds.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '15' }, json: { type: 'string' } },
});
const rounds = Number(values.rounds);
const files = 5000;
const cli = fileURLToPath(new URL('../dist/tscompose.cjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'tscompose-bench-'));
const project = `benchwatch-${process.pid}`;
const common = ['-p', project, '-f', join(directory, 'stack.yml')];
const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;

const now = () => Number(process.hrtime.bigint()) / 1e6;
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const at = (...names) => join(directory, ...names);

function once(path, isThere) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing came to ${path}`)), 20_000);
    const watcher = watch(path, () => {
      if (!isThere()) return;
      const seenMs = now();
      clearTimeout(timer);
      watcher.close();
      resolve(seenMs);
    });
  });
}

const text = (path) => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

function prepare() {
  for (const name of ['synced', 'restarted', 'many', 'began']) mkdirSync(at(name));
  writeFileSync(at('restarted/main'), '0');
  const common = { network_mode: 'none', stop_grace_period: '0s', rootfs: { host: ['sh', 'sleep', 'cat'] } };
  const rule = (path, action) => ({ path: `./${path}`, target: `/app/${path}`, action, initial_sync: true });
  const services = {
    sync: {
      ...common,
      command: ['sleep', '1000'],
      develop: { watch: [rule('synced', 'sync'), rule('many', 'sync')] },
    },
    restart: {
      ...common,
      command: ['sh', '-c', 'cat /app/restarted/main > /began/now; exec sleep 1000'],
      volumes: ['./began:/began'],
      develop: { watch: [rule('restarted', 'sync+restart')] },
    },
  };
  writeFileSync(at('synced/main'), '0');
  prepareCheckout();
  writeFileSync(at('stack.yml'), JSON.stringify({ services }));
}

function git(args, input = '') {
  const { status, stderr } = spawnSync('git', args, { cwd: at('many'), input });
  if (status !== 0) throw new Error(`git ${args[0]}: ${stderr}`);
}

/** A work tree with nothing in it, and a branch `full` with all the files, a hundred to a directory. */
function prepareCheckout() {
  const commit = (branch) => `commit refs/heads/${branch}\ncommitter bench <bench@localhost> 0 +0000\ndata 0\n`;
  const add = (_, file) => `M 644 inline ${file - (file % 100)}/${file}\ndata ${`${file}`.length}\n${file}\n`;
  const all = Array.from({ length: files }, add).join('');
  git(['init', '-q', '-b', 'empty']);
  git(['fast-import', '--quiet'], `${commit('empty')}\n${commit('full')}from refs/heads/empty\n${all}\n`);
  git(['checkout', '-q', 'empty']);
}

/** The root of a container as it is seen from here. */
function rootOf(service) {
  const { stdout } = spawnSync(process.execPath, [cli, ...common, 'ps', '--json', service], { env: environment });
  return `/proc/${JSON.parse(stdout.toString()).status.pid}/root`;
}

let child;
const told = [];
async function startWatching() {
  child = spawn(process.execPath, [cli, ...common, 'watch', '--json'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout });
  await new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`watch has ended with ${code}`)));
    lines.on('line', (line) => {
      told.push(JSON.parse(line));
      if (told.at(-1).event === 'watching') resolve();
    });
  });
  await settled();
}

/** Until nothing has been told for half a second. */
async function settled() {
  for (let before = -1; before !== told.length; ) {
    before = told.length;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function measure(list, work) {
  for (let round = 0; round < list; round++) await work(String(round + 1));
}

async function run() {
  prepare();
  await startWatching();
  const took = { synced: [], renamed: [], restarted: [] };
  const root = rootOf('sync');
  const pause = () => new Promise((resolve) => setTimeout(resolve, 100 + Math.random() * 50));
  await measure(rounds + 1, async (content) => {
    const seen = once(`${root}/app/synced`, () => text(`${root}/app/synced/main`) === content);
    const began = now();
    writeFileSync(at('synced/main'), content);
    took.synced.push((await seen) - began);
    await pause();
  });
  await measure(rounds + 1, async (content) => {
    const seen = once(at('began'), () => text(at('began/now')) === content);
    const began = now();
    writeFileSync(at('restarted/main'), content);
    took.restarted.push((await seen) - began);
    await settled();
  });
  const ownStart = Array.from({ length: rounds }, () => {
    const began = now();
    spawnSync('sh', ['-c', `cat ${at('restarted/main')} > ${at('began/own')}`]);
    return now() - began;
  });
  const batchesOfIt = () => told.filter(({ event, service }) => event === 'synced' && service === 'sync').length;
  const batchesBefore = batchesOfIt();
  const checkoutBegan = now();
  git(['checkout', '-q', 'full']);
  const checkedOut = now() - checkoutBegan;
  const last = `${root}/app/many/${files - 100}/${files - 1}`;
  while (text(last) !== String(files - 1)) await new Promise((resolve) => setTimeout(resolve, 5));
  const many = now() - checkoutBegan;
  await settled();
  const batches = batchesOfIt() - batchesBefore;
  // The first of each is the one that fills caches.
  const [synced, restarted] = [took.synced.slice(1), took.restarted.slice(1)];
  const own = median(ownStart);
  return {
    'save → in the container, ms': median(synced),
    'in the container, worst': Math.max(...synced),
    'save → command begins anew, ms': median(restarted),
    'the same − what the command itself takes': median(restarted) - own,
    'begins anew, worst': Math.max(...restarted),
    [`${files} files checked out → the last is there, ms`]: many - checkedOut,
    [`${files} files ÷ their git checkout`]: many / checkedOut,
    'in how many batches': batches,
  };
}

let failed;
try {
  const figures = await run();
  for (const [name, value] of Object.entries(figures)) console.log(name.padEnd(48) + value.toFixed(1).padStart(10));
  if (values.json) writeFileSync(values.json, `${JSON.stringify({ schema: 1, rounds, figures })}\n`);
} catch (error) {
  failed = error;
} finally {
  child?.removeAllListeners('exit');
  child?.kill('SIGINT');
  spawnSync(process.execPath, [cli, '-p', project, 'down', '-v'], { env: environment });
  rmSync(directory, { recursive: true, force: true });
}
if (failed) {
  console.error(String(failed.message ?? failed));
  process.exitCode = 1;
}
