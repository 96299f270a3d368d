// node bench/network.mjs [--rounds N] [--containers N] [--seconds N] [--json FILE]
//
// What networks cost: `up -d` and `down` of services with limits on one network, five ports published, beside the same
// services with `network_mode: none`; then a published port beside a listener on the host itself, and service to service
// beside a plain veth pair (iperf3 and wrk, when they are installed). Everything happens in a network namespace of its own,
// so that the ports and the packet filter of the machine play no part. Ratios, rounds interleaved, medians.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

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
    seconds: { type: 'string', default: '3' },
    json: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
const cli = fileURLToPath(new URL('../dist/tscompose.cjs', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'tscompose-bench-'));
const project = `benchnet-${process.pid}`;
const children = [];

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const round = (value) => Math.round(value * 100) / 100;

function timed(file, ...args) {
  const began = process.hrtime.bigint();
  const run = spawnSync(process.execPath, [cli, '-p', project, '-f', join(directory, file), ...args], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`${args.join(' ')}: ${run.stdout}${run.stderr}`);
  return Number(process.hrtime.bigint() - began) / 1e6;
}

const shell = (command) =>
  execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

function background(...argv) {
  const child = spawn(argv[0], argv.slice(1), { stdio: 'ignore' });
  children.push(child);
  return child;
}

function write(file, services) {
  writeFileSync(join(directory, file), JSON.stringify({ services }));
}

function life() {
  const service = {
    rootfs: { host: ['sleep'] },
    command: ['sleep', '1000'],
    cpus: 0.5,
    mem_limit: '128m',
    pids_limit: 100,
    stop_grace_period: '0s',
  };
  const stack = (more) =>
    Object.fromEntries(
      Array.from({ length: Number(values.containers) }, (_, i) => [`s${i}`, { ...service, ...more(i) }]),
    );
  write(
    'none.yml',
    stack(() => ({ network_mode: 'none' })),
  );
  write(
    'network.yml',
    stack((i) => (i < 5 ? { ports: [`${19000 + i}:80`] } : {})),
  );
  const times = { none: { up: [], down: [] }, network: { up: [], down: [] } };
  for (let i = 0; i < rounds + 1; i++)
    for (const kind of ['none', 'network'])
      for (const [name, args] of [
        ['up', ['up', '-d']],
        ['down', ['down']],
      ]) {
        const ms = timed(`${kind}.yml`, ...args);
        if (i > 0) times[kind][name].push(ms);
      }
  const [up, down] = ['up', 'down'].map((name) => [median(times.none[name]), median(times.network[name])]);
  return {
    'up none ms': round(up[0]),
    'up network ms': round(up[1]),
    'up ratio': round(up[1] / up[0]),
    'down none ms': round(down[0]),
    'down network ms': round(down[1]),
    'down ratio': round(down[1] / down[0]),
  };
}

/** Gbit/s to a server, as iperf3 measures it. */
function throughput(prefix, address, port) {
  const out = JSON.parse(shell(`${prefix} iperf3 -J -c ${address} -p ${port} -t ${values.seconds}`));
  return out.end.sum_received.bits_per_second / 1e9;
}

/** Requests a second and median latency in µs over kept-alive connections. */
function requests(address, connections) {
  const out = shell(`wrk -t1 -c${connections} -d${values.seconds}s --latency http://${address}/`);
  const [, latency, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(out) ?? [];
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)?.[1]),
    latency: Number(latency) * { us: 1, ms: 1000, s: 1e6 }[unit],
  };
}

function memoryOfNet() {
  const pids = readdirSync('/proc').filter((entry) => {
    try {
      return (
        readFileSync(`/proc/${entry}/comm`, 'utf8') === 'tsc-net\n' &&
        shell(`readlink /proc/${entry}/cwd`).includes(project)
      );
    } catch {
      return false;
    }
  });
  return pids.reduce(
    (sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]),
    0,
  );
}

function traffic() {
  const nginx =
    'daemon off; error_log /dev/null; pid /tmp/tsc-bench.pid; worker_processes 1; events {} http { access_log off; server { listen PORT; location / { return 200 ok; } } }';
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path /tmp/tsc-bench-${name};`)
    .join(' ');
  const config = (port) =>
    nginx.replace('PORT', port).replace('access_log off;', `access_log off; keepalive_requests 1000000; ${paths}`);
  writeFileSync(join(directory, 'host.conf'), config(19101));
  writeFileSync(join(directory, 'guest.conf'), config(80));
  write('traffic.yml', {
    iperf: {
      rootfs: { host: ['iperf3', 'sh'] },
      command: ['iperf3', '-s'],
      tmpfs: ['/tmp'],
      ports: ['19100:5201'],
      stop_grace_period: '0s',
    },
    peer: {
      rootfs: { host: ['iperf3', 'sh', 'sleep'] },
      command: ['sleep', '1000'],
      tmpfs: ['/tmp'],
      stop_grace_period: '0s',
    },
    web: {
      rootfs: { host: ['nginx', 'sh'] },
      command: ['nginx', '-c', '/n.conf'],
      volumes: ['./guest.conf:/n.conf:ro'],
      tmpfs: ['/tmp'],
      ports: ['19102:80'],
      stop_grace_period: '0s',
    },
  });
  background('iperf3', '-s', '-p', '19103');
  background('nginx', '-c', join(directory, 'host.conf'));
  timed('traffic.yml', 'up', '-d');
  const idle = memoryOfNet();
  // A plain veth pair between two namespaces.
  const [a, b] = [0, 1].map(() => background('unshare', '--net', 'sleep', '1000').pid);
  shell('sleep 0.5');
  shell(`nsenter --net=/proc/${a}/ns/net ip link add v0 type veth peer name v0 netns ${b}`);
  for (const [pid, host] of [
    [a, 1],
    [b, 2],
  ])
    shell(
      `nsenter --net=/proc/${pid}/ns/net sh -c 'ip link set lo up; ip addr add 10.99.0.${host}/24 dev v0; ip link set v0 up'`,
    );
  background('nsenter', `--net=/proc/${b}/ns/net`, 'iperf3', '-s');
  shell('sleep 0.5');
  const peer = `${process.execPath} ${cli} -p ${project} -f ${join(directory, 'traffic.yml')} exec -T peer`;
  const host = requests('127.0.0.1:19101', 1);
  const published = requests('127.0.0.1:19102', 1);
  const many = [requests('127.0.0.1:19101', 64), requests('127.0.0.1:19102', 64)];
  const gbits = {
    host: throughput('', '127.0.0.1', 19103),
    published: throughput('', '127.0.0.1', 19100),
    veth: throughput(`nsenter --net=/proc/${a}/ns/net`, '10.99.0.2', 5201),
    services: throughput(peer, 'iperf', 5201),
  };
  timed('traffic.yml', 'down');
  return {
    'host Gbit/s': round(gbits.host),
    'published Gbit/s': round(gbits.published),
    'published/host': round(gbits.published / gbits.host),
    'veth Gbit/s': round(gbits.veth),
    'service to service Gbit/s': round(gbits.services),
    'service/veth': round(gbits.services / gbits.veth),
    'latency host us': host.latency,
    'latency published us': published.latency,
    'latency ratio': round(published.latency / host.latency),
    'requests/s ratio, 64 connections': round(many[1].rate / many[0].rate),
    'net process PSS kB': idle,
  };
}

try {
  shell('ip link set lo up');
  const figures = { ...life(), ...(['iperf3', 'wrk', 'nginx'].every(has) ? traffic() : {}) };
  console.table(figures);
  if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(figures, null, 2));
} finally {
  for (const child of children) child.kill('SIGKILL');
  spawnSync(process.execPath, [cli, '-p', project, 'down']);
  rmSync(directory, { recursive: true, force: true });
}
