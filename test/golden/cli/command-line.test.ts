import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../../support/scenario.ts';
import { root } from '../../support/tree.ts';

const say = async (...args: string[]) => {
  const { code, stdout, stderr } = await runCli(args);
  return { code, stdout, stderr };
};

test('no command is a mistake, and says where help is', async () => {
  expect(await say()).toEqual({ code: 2, stdout: '', stderr: "error: no command given\n  = see 'tscompose --help'\n" });
});

test('a slip in a command or flag is answered with what was probably meant', async () => {
  const unknown = 'error: unknown command "lgos"\n  = did you mean "logs"? see \'tscompose --help\'\n';
  expect(await say('lgos')).toEqual({ code: 2, stdout: '', stderr: unknown });
  const flag = "error: unknown flag --detahc\n  = did you mean --detach? see 'tscompose up --help'\n";
  expect(await say('up', '--detahc')).toEqual({ code: 2, stdout: '', stderr: flag });
});

test('what docker compose has and tscompose has not is answered with what to do instead', async () => {
  const command =
    'error: docker compose has a command "build", tscompose has not: services are made from root filesystems, not from images\n' +
    '  = give the service a rootfs: in the stack file, or its image an entry in an image map\n';
  expect(await say('build', '--no-cache', 'web')).toEqual({ code: 2, stdout: '', stderr: command });
  const flag =
    'error: docker compose has --menu, tscompose has not: its keys work without it\n' +
    '  = leave it out: d detaches, Ctrl-C stops; --watch watches\n';
  expect(await say('up', '--menu=false')).toEqual({ code: 2, stdout: '', stderr: flag });
  expect((await say('--parallel', '4', 'up')).stderr).toBe(
    'error: docker compose has --parallel, tscompose has not: what can be done at once is\n  = leave it out\n',
  );
});

test('--ansi decides about colours, whatever the output is', async () => {
  const colours = async (when: string) =>
    (await say('--ansi', when, '-f', '/no/such/stack.yml', 'config')).stderr.includes('\x1b[');
  expect([await colours('always'), await colours('never'), await colours('auto')]).toEqual([true, false, false]);
});

test('with --json a mistake is one object', async () => {
  const { code, stderr } = await say('--json', 'up', '--timeout', 'soon');
  expect([code, JSON.parse(stderr)]).toEqual([
    2,
    {
      severity: 'error',
      code: 'usage',
      message: '--timeout needs a whole number of seconds, not "soon"',
      hint: "see 'tscompose up --help'",
    },
  ]);
});

test('help that was asked for is a result: standard output, exit code 0', async () => {
  const expected = readFileSync(new URL('./help/ps.txt', import.meta.url), 'utf8');
  for (const args of [
    ['ps', '--help'],
    ['help', 'ps'],
    ['-h', 'ps'],
    ['ps', '-h', '--nonsense'],
  ]) {
    expect(await say(...args)).toEqual({
      code: args.includes('--nonsense') ? 2 : 0,
      stdout: args.includes('--nonsense') ? '' : expected,
      stderr: args.includes('--nonsense') ? "error: unknown flag --nonsense\n  = see 'tscompose ps --help'\n" : '',
    });
  }
});

test('the version is that of the package', async () => {
  const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
  expect((await say('--version')).stdout).toBe(`tscompose ${version}\n`);
  expect((await say('version', '--short')).stdout).toBe(`${version}\n`);
  expect(JSON.parse((await say('version', '--json')).stdout)).toEqual({ version, node: process.versions.node });
});

test('a reader who has seen enough is no error', () => {
  const command = `node ${root}/dist/tscompose.cjs --help`;
  const { status, stderr } = spawnSync('bash', ['-o', 'pipefail', '-c', `${command} | true; ${command} >/dev/full`], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  // Nobody reads: fine. A full disk: not fine.
  expect([status, stderr.includes('ENOSPC')]).toEqual([1, true]);
});

test('a standard error with no room left changes nothing', () => {
  const command = `node ${root}/dist/tscompose.cjs lgos 2>/dev/full`;
  expect(spawnSync('sh', ['-c', command], { env: { PATH: process.env['PATH'] } }).status).toBe(2);
});

test('a current directory that was removed is told as such', () => {
  const gone = mkdtempSync(join(tmpdir(), 'tsc-'));
  const command = `rmdir ${gone}; node ${root}/dist/tscompose.cjs ps`;
  const { status, stderr } = spawnSync('sh', ['-c', command], {
    cwd: gone,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] },
  });
  expect([status, stderr]).toEqual([
    1,
    'error: the current directory is not there any more\n  = change to one that is\n',
  ]);
});

test('a name that cannot be a project is refused before anything is looked up', async () => {
  const { code, stderr } = await say('-p', '../x', 'ps');
  expect(code).toBe(2);
  expect(stderr).toBe(
    'error: "../x" cannot be the name of a project\n' +
      '  = letters, digits, - and _ are allowed, the first is a letter or a digit\n',
  );
});
