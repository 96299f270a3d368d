// node bench/load.mjs [--rounds N] [--json FILE]
//
// How long a stack file takes from its text to the resolved project in a warm process, beside what the YAML parser alone
// takes for the same text. Both are measured as processor time, in turns; figures are medians.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { parseAllDocuments } from 'yaml';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '25' }, json: { type: 'string' } } });
const rounds = Number(values.rounds);

async function loader() {
  const directory = mkdtempSync(join(tmpdir(), 'tscompose-bench-'));
  const outfile = join(directory, 'load.mjs');
  const entryPoints = [fileURLToPath(new URL('../src/project/load.ts', import.meta.url))];
  // The parser says which Node module it wants with require().
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
  await build({ entryPoints, outfile, banner, bundle: true, platform: 'node', format: 'esm' });
  const { loadProject } = await import(outfile);
  rmSync(directory, { recursive: true });
  return loadProject;
}

/** A file as people write them: about twenty lines a service, short forms, variables, an anchor, a health check. */
function stackOf(count) {
  const services = Array.from({ length: count }, (_, i) =>
    [
      `  service-${i}:`,
      '    <<: *defaults',
      '    rootfs: { host: [sh] }',
      '    command: sh -c "exec sleep 3600"',
      '    environment:',
      `      DATABASE_URL: postgres://app:\${DB_PASSWORD:-secret}@service-${Math.max(0, i - 1)}:5432/app`,
      '      LOG_LEVEL: "info"',
      '      WORKERS: 4',
      '    ports:',
      `      - "127.0.0.1:${10_000 + i}:80"`,
      `      - "${20_000 + i}:443/tcp"`,
      '    volumes:',
      `      - data-${i}:/var/lib/app`,
      '      - ./config:/etc/app:ro',
      '    healthcheck:',
      '      test: ["CMD", "true"]',
      '      interval: 10s',
      '      retries: 5',
      ...(i === 0 ? [] : ['    depends_on:', `      - service-${i - 1}`]),
      '    mem_limit: 256m',
      '    cpus: 0.5',
      '    labels:',
      `      app.tier: "tier-${i % 3}"`,
    ].join('\n'),
  );
  const volumes = Array.from({ length: count }, (_, i) => `  data-${i}:`);
  const head = ['name: bench', 'x-defaults: &defaults', '  restart: unless-stopped', '  stop_grace_period: 5s'];
  return [...head, 'services:', ...services, 'volumes:', ...volumes, ''].join('\n');
}

/** Milliseconds of processor time. */
function spent(work) {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

const loadProject = await loader();
const rows = [20, 500].map((count) => {
  const text = stackOf(count);
  const bytes = Buffer.from(text);
  const source = {
    kind: (path) => (path === '/bench/stack.yml' ? 'file' : 'missing'),
    read: () => ({ ok: true, bytes }),
  };
  const request = { cwd: '/bench', home: '/root', environment: {} };
  const load = () => {
    const { project, diagnostics } = loadProject(request, source);
    if (project?.services.length !== count) throw new Error(JSON.stringify(diagnostics.map(({ summary }) => summary)));
  };
  const parse = () => {
    const options = { version: '1.2', uniqueKeys: false, prettyErrors: false, logLevel: 'silent', strict: true };
    if (parseAllDocuments(text, options)[0].errors.length > 0)
      throw new Error('the bench has a mistake in its own file');
  };
  for (let i = 0; i < 10; i += 1) {
    load();
    parse();
  }
  const samples = Array.from({ length: rounds }, () => [spent(load), spent(parse)]);
  const loadMs = median(samples.map(([ms]) => ms));
  const parseMs = median(samples.map(([, ms]) => ms));
  return { services: count, kilobytes: bytes.length / 1024, loadMs, parseMs, ratio: loadMs / parseMs };
});

console.log('from text to project, in a warm process; milliseconds of processor time');
console.log(
  `${'services'.padStart(9)}${'kB'.padStart(9)}${'load'.padStart(9)}${'YAML'.padStart(9)}${'ratio'.padStart(9)}`,
);
for (const row of rows) {
  const cells = [
    row.services.toFixed(0),
    ...[row.kilobytes, row.loadMs, row.parseMs, row.ratio].map((x) => x.toFixed(1)),
  ];
  console.log(cells.map((cell) => cell.padStart(9)).join(''));
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
