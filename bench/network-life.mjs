import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { median, round } from './figures.mjs';

const limits = { cpus: 0.5, mem_limit: '128m', pids_limit: 100, stop_grace_period: '0s' };
const published = (i) => (i < 5 ? { ports: [`${19000 + i}:80`] } : {});

/** `up -d` and `down` of services with limits: without network, on one network, and by docker-compose on one network. */
export function measureLife({ directory, containers, rounds, ours, rival }) {
  const write = (name, service, more) => {
    const entries = Array.from({ length: containers }, (_, i) => [`s${i}`, { ...service, ...limits, ...more(i) }]);
    const file = join(directory, `${name}.yml`);
    writeFileSync(file, JSON.stringify({ version: '2.4', services: Object.fromEntries(entries) }));
    return file;
  };
  const sleeping = { rootfs: { host: ['sleep'] }, command: ['sleep', '1000'] };
  const kinds = {
    none: { file: write('none', sleeping, () => ({ network_mode: 'none' })), run: ours },
    network: { file: write('network', sleeping, published), run: ours },
  };
  if (rival !== undefined) {
    const service = { image: rival.image, command: ['/bin/busybox', 'sleep', '1000'] };
    kinds.docker = { file: write('docker', service, published), run: rival.run, rounds: Math.min(rounds, 5) };
  }
  const times = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, { up: [], down: [] }]));
  for (let i = 0; i < rounds + 1; i++)
    for (const [kind, { file, run, rounds: few = rounds }] of Object.entries(kinds)) {
      if (i > few) continue;
      const up = run(file, 'up', '-d');
      const down = run(file, 'down');
      // The first one builds caches.
      if (i > 0) times[kind].up.push(up);
      if (i > 0) times[kind].down.push(down);
    }
  const of = (kind, what) => median(times[kind][what]);
  const figures = {};
  for (const kind of Object.keys(kinds))
    for (const what of ['up', 'down']) figures[`${what}, ${kind}: ms`] = round(of(kind, what));
  figures['up: network ÷ none'] = round(of('network', 'up') / of('none', 'up'));
  figures['down: network ÷ none'] = round(of('network', 'down') / of('none', 'down'));
  if (rival !== undefined) {
    figures['up: docker-compose ÷ network'] = round(of('docker', 'up') / of('network', 'up'));
    figures['down: network ÷ docker-compose'] = round(of('network', 'down') / of('docker', 'down'));
  }
  return figures;
}
