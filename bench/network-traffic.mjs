import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median, quartiles, round } from './figures.mjs';

/** What a stream of iperf3 carries: short, so that there are many of them in turn. */
const STREAM = '512M';

const shell = (command) =>
  execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
const nginx = (port, at) => `daemon off; error_log /dev/null; pid ${at}/nginx.pid; master_process off; events {}
http { access_log off; keepalive_requests 100000000; ${temporary.map((part) => `${part}_temp_path ${at}/nginx-${part};`).join(' ')}
server { listen ${port}; location / { return 200 ok; } } }`;

/**
 * A published port beside a listener on the host, and service to service beside a plain veth pair: Gbit/s of one stream
 * (iperf3), median latency of one connection and requests a second of 64 (wrk). Ways are measured in turn, every other
 * round backwards, and compared with the floor of the same round, as the machine is not the same in the next. Every server
 * has a session of its own, as services have: the scheduler shares the processors out by session.
 */
export function measureTraffic({ directory, rounds, seconds, background, ours, exec, project, rival }) {
  const file = (name, text) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const service = { tmpfs: ['/tmp'], stop_grace_period: '0s' };
  file('guest.conf', nginx(80, '/tmp'));
  const stack = file(
    'traffic.yml',
    JSON.stringify({
      services: {
        iperf: { ...service, rootfs: { host: ['iperf3'] }, command: ['iperf3', '-s'], ports: ['19100:5201'] },
        peer: { ...service, rootfs: { host: ['iperf3', 'sleep'] }, command: ['sleep', '1000'] },
        web: {
          ...service,
          rootfs: { host: ['nginx'] },
          command: ['nginx', '-c', '/n.conf'],
          volumes: ['./guest.conf:/n.conf:ro'],
          ports: ['19102:80'],
        },
      },
    }),
  );
  background('iperf3', '-s', '-p', '19103');
  background('nginx', '-c', file('host.conf', nginx(19101, directory)));
  ours(stack, 'up', '-d');
  const idle = memoryOfNet(project);
  const ways = {
    host: { web: '127.0.0.1:19101', iperf: ['127.0.0.1', 19103] },
    published: { web: '127.0.0.1:19102', iperf: ['127.0.0.1', 19100] },
    // Clients that use ::1 are not taken by the fast path.
    proxied: { web: '[::1]:19102', iperf: ['::1', 19100] },
    veth: { iperf: ['10.99.0.2', 5201], prefix: vethPair(background) },
    largeVeth: { iperf: ['10.99.0.2', 5201], prefix: vethPair(background, 'mtu 65535') },
    services: { iperf: ['iperf', 5201], prefix: exec(stack, 'peer') },
  };
  if (rival !== undefined) {
    rival.serve('19112:80', 'nginx', '-c', '/bench/guest.conf');
    rival.serve('19113:5201', 'iperf3', '-s');
    ways.docker = { web: '127.0.0.1:19112', iperf: ['127.0.0.1', 19113] };
  }
  shell('sleep 1');
  const samples = Object.fromEntries(Object.keys(ways).map((way) => [way, { latency: [], rate: [], gbits: [] }]));
  for (let i = 0; i < rounds; i++)
    for (const [name, way] of i % 2 === 0 ? Object.entries(ways) : Object.entries(ways).reverse()) {
      const sample = samples[name];
      sample.gbits.push(throughput(way.prefix ?? '', way.iperf));
      if (way.web === undefined) continue;
      sample.latency.push(requests(way.web, 1, seconds).latency);
      sample.rate.push(requests(way.web, 64, seconds).rate);
    }
  ours(stack, 'down');
  return { ...summary(samples), 'net process, idle: PSS kB': idle };
}

function summary(samples) {
  const of = (way, what) => median(samples[way][what]);
  const ratios = (way, floor, what) => samples[way][what].map((value, i) => value / samples[floor][what][i]);
  const figures = { 'host: µs, Gbit/s': `${round(of('host', 'latency'))}, ${round(of('host', 'gbits'))}` };
  const compare = (name, ...which) => {
    const [low, high] = quartiles(ratios(...which));
    figures[name] = round(median(ratios(...which)));
    figures[`${name}, quartiles`] = `${round(low)} to ${round(high)}`;
  };
  for (const way of ['published', 'proxied', 'docker']) {
    if (samples[way] === undefined) continue;
    compare(`${way} ÷ host: latency`, way, 'host', 'latency');
    compare(`${way} ÷ host: throughput`, way, 'host', 'gbits');
    compare(`${way} ÷ host: requests/s, 64 connections`, way, 'host', 'rate');
  }
  compare('service to service ÷ veth pair: throughput', 'services', 'veth', 'gbits');
  compare('service to service ÷ veth pair with our MTU', 'services', 'largeVeth', 'gbits');
  return figures;
}

/** Gbit/s to a server, as iperf3 measures it. */
function throughput(prefix, [address, port]) {
  const out = JSON.parse(shell(`${prefix} iperf3 -J -c ${address} -p ${port} -n ${STREAM}`));
  return out.end.sum_received.bits_per_second / 1e9;
}

/** Requests a second and median latency in µs over kept-alive connections. */
function requests(address, connections, seconds) {
  const out = shell(`wrk -t1 -c${connections} -d${seconds} --latency http://${address}/`);
  const [, value, unit] = /50%\s+([\d.]+)(us|ms|s)/.exec(out);
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(out)[1]),
    latency: Number(value) * { us: 1, ms: 1e3, s: 1e6 }[unit],
  };
}

/** Two namespaces with nothing but a veth pair; an iperf3 server in the second. What to put before a client's command. */
function vethPair(background, more = '') {
  const [a, b] = [0, 1].map(() => background('unshare', '--net', 'sleep', '1000').pid);
  const inside = (pid) => `setsid -w nsenter --net=/proc/${pid}/ns/net`;
  shell('sleep 0.5');
  shell(`${inside(a)} ip link add v0 ${more} type veth peer name v0 ${more} netns ${b}`);
  for (const [pid, host] of [
    [a, 1],
    [b, 2],
  ])
    shell(`${inside(pid)} sh -c 'ip link set lo up; ip addr add 10.99.0.${host}/24 dev v0; ip link set v0 up'`);
  background('nsenter', `--net=/proc/${b}/ns/net`, 'iperf3', '-s');
  return inside(a);
}

function memoryOfNet(project) {
  const pss = readdirSync('/proc').map((entry) => {
    try {
      const ours = readFileSync(`/proc/${entry}/comm`, 'utf8') === 'tsc-net\n';
      if (!ours || !readlinkSync(`/proc/${entry}/cwd`).includes(project)) return 0;
      return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${entry}/smaps_rollup`, 'utf8'))?.[1]);
    } catch {
      return 0;
    }
  });
  return pss.reduce((sum, each) => sum + each, 0);
}
