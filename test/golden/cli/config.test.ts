import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../support/scenario.ts';

const files = {
  'stack.yml': `name: demo
x-tscompose:
  images: {"*": /srv/roots/any}
services:
  web:
    image: nginx:1.27
    command: [nginx, -g, daemon off;]
    environment:
      PORT: \${PORT:-80}
      SECRET: \${SECRET?needed by web}
      MODE: \${DEBUG:+debug}
    ports: ["\${PORT:-80}:80"]
    depends_on: [db]
    volumes: [data:/data]
    networks: [front]
    cpu_count: 3
  db:
    image: postgres:17
    command: postgres
    networks: [back]
    volumes: [./backup:/backup]
  debug:
    image: busybox
    command: sh
    profiles: [debug]
networks: {front: , back: , unused: }
volumes: {data: , unused: }
`,
  'override.yml': `services:
  web:
    environment:
      PORT: 8\${PORT}
`,
  '.env': `# variables
SECRET=hush
UNUSED=1
`,
};

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
});

afterAll(() => rmSync(directory, { recursive: true }));

const config = async (args: readonly string[], env: { readonly [name: string]: string } = {}) => {
  const run = await runCli(['-f', 'stack.yml', 'config', ...args], { cwd: directory, env });
  return { ...run, stdout: run.stdout.replaceAll(directory, '/work/demo') };
};

const views: readonly (readonly [title: string, file: string, args: readonly string[]])[] = [
  ['config prints the normal form', 'normal.txt', []],
  ['--format json prints it as JSON', 'normal-json.txt', ['--format', 'json']],
  ['naming a service prints what it needs', 'one-service.txt', ['db']],
  ['--no-interpolate leaves variables as they are written', 'no-interpolate.txt', ['--no-interpolate']],
  ['--no-normalize adds nothing', 'no-normalize.txt', ['--no-normalize']],
  ['--no-path-resolution leaves paths as they are written', 'no-path-resolution.txt', ['--no-path-resolution']],
  ['--variables lists what the file mentions', 'variables.txt', ['--variables']],
  ['--environment lists what was used', 'environment.txt', ['--environment']],
  ['--support lists every key with its verdict', 'support.txt', ['--support']],
  ['--support as JSON has positions', 'support-json.txt', ['--support', '--json']],
  ['--explain shows what a default decided', 'explain-default.txt', ['--explain', 'services.web.environment.PORT']],
  ['--explain shows the line of an env file', 'explain-env-file.txt', ['--explain', 'services.web.environment.SECRET']],
  ['--explain shows a value inside a short form', 'explain-short.txt', ['--explain', 'services.web.ports.0.published']],
  ['--explain shows who made a default', 'explain-implied.txt', ['--explain', 'networks.front.name']],
  ['--explain shows all parts of a mapping', 'explain-parts.txt', ['--explain', 'services.web.environment']],
];

test.each(views)('%s', async (_title, file, args) => {
  const { code, stdout, stderr } = await config(args);
  expect({ code, errors: stderr.includes('error') }).toEqual({ code: 0, errors: false });
  await expect(stdout).toMatchFileSnapshot(`./config/${file}`);
});

test('--explain shows every contributor, with the variables of each', async () => {
  const args = ['-f', 'override.yml', '--explain', 'services.web.environment.PORT'];
  const { stdout } = await config(args, { PORT: '90' });
  await expect(stdout).toMatchFileSnapshot('./config/explain-override.txt');
  const json = JSON.parse((await config([...args, '--json'], { PORT: '90' })).stdout);
  expect(json).toEqual([
    {
      value: '890',
      file: 'override.yml',
      line: 4,
      column: 13,
      default: false,
      variables: [{ name: 'PORT', source: 'environment' }],
    },
    {
      value: '90',
      file: 'stack.yml',
      line: 9,
      column: 13,
      default: false,
      variables: [{ name: 'PORT', source: 'environment' }],
    },
  ]);
});

test('names are printed one a line, or as a JSON list', async () => {
  const lines = async (...args: string[]) => (await config(args)).stdout;
  expect(await lines('--services')).toBe('db\nweb\n');
  expect(await lines('--services', 'db')).toBe('db\n');
  expect(await lines('--volumes')).toBe('data\n');
  expect(await lines('--networks')).toBe('back\nfront\n');
  expect(await lines('--profiles')).toBe('debug\n');
  expect(await lines('--images')).toBe('nginx:1.27\npostgres:17\n');
  expect(JSON.parse(await lines('--images', '--json'))).toEqual(['nginx:1.27', 'postgres:17']);
});

test('a hash changes with what makes the container, and with nothing else', async () => {
  const hashes = async (...args: string[]) =>
    Object.fromEntries((await config(args)).stdout.split('\n').map((line) => line.split(' ') as [string, string]));
  const before = await hashes('--hash', '*');
  expect(before).toMatchObject({ db: expect.stringMatching(/^[0-9a-f]{64}$/), web: expect.any(String) });
  const after = await hashes('-f', 'override.yml', '--hash', '*');
  expect([after['db'] === before['db'], after['web'] === before['web']]).toEqual([true, false]);
  expect((await config(['--hash', 'web'])).stdout).toBe(`web ${before['web']}\n`);
});

test('-o writes the output into a file', async () => {
  const run = await config(['-o', 'out.yml']);
  expect(run).toMatchObject({ code: 0, stdout: '' });
  expect(readFileSync(join(directory, 'out.yml'), 'utf8')).toBe(
    (await config([])).stdout.replaceAll('/work/demo', directory),
  );
  const refused = await config(['-o', 'no/such/dir.yml']);
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot write no/such/dir.yml: ENOENT') });
});

test('-q prints nothing, and a wrong file is exit code 3', async () => {
  expect(await config(['-q'])).toMatchObject({ code: 0, stdout: '' });
  const wrong = await config(['-q'], { PORT: 'x' });
  expect(wrong).toMatchObject({ code: 3, stdout: '', stderr: expect.stringContaining('stack.yml:12:13') });
});

test('an image that nothing is known of is no mistake of the file', async () => {
  const file = join(directory, 'plain.yml');
  writeFileSync(file, 'services: {a: {image: alpine}}\n');
  expect(await runCli(['-f', file, 'config', '--services'], { cwd: directory })).toMatchObject({
    code: 0,
    stdout: 'a\n',
    stderr: '',
  });
});

test('--no-consistency lets a reference to nothing pass', async () => {
  const file = join(directory, 'loose.yml');
  writeFileSync(file, 'services: {a: {image: x, networks: [gone]}}\n');
  expect((await runCli(['-f', file, 'config', '-q'], { cwd: directory })).code).toBe(3);
  expect((await runCli(['-f', file, 'config', '-q', '--no-consistency'], { cwd: directory })).code).toBe(0);
});

test('--explain shows what comes from the image map, and the normal form does not', async () => {
  const images = { 'postgres:*': { rootfs: '/srv/pg', command: ['postgres', '-i'], environment: { PGDATA: '/data' } } };
  writeFileSync(
    join(directory, 'mapped.yml'),
    JSON.stringify({ services: { db: { image: 'postgres:17' } }, 'x-tscompose': { images } }, null, 1),
  );
  const run = (...args: string[]) => runCli(['-f', 'mapped.yml', 'config', ...args], { cwd: directory });
  const explained = await run('--explain', 'services.db.environment.PGDATA');
  await expect(explained.stdout).toMatchFileSnapshot('./config/explain-image.txt');
  expect((await run('--explain', 'services.db.command')).stdout).toContain('mapped.yml:13:6');
  expect(JSON.parse((await run('--format', 'json')).stdout).services.db.environment).toBeUndefined();
});

test('what is not there cannot be explained, and a service not named', async () => {
  expect(await config(['--explain', 'services.web.nope'])).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('error: the stack has no "services.web.nope"'),
  });
  expect(await config(['wbe'])).toMatchObject({ code: 1, stderr: expect.stringContaining('did you mean "web"?') });
  expect(await config(['--services', '--volumes'])).toMatchObject({ code: 2 });
});
