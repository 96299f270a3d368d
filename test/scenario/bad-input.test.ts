import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { tracesOf } from '../support/leaks.ts';
import { type Rig, type Run, runCli, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

type Case = {
  /** Completes "… is refused". */
  readonly what: string;
  readonly code: string;
  /** The text of stack.yml, or what stands under the one service `web` beside its root and command. */
  readonly stack?: string;
  readonly web?: string;
  /** line:col of the culprit; the lines of `web` start at line 5. */
  readonly at: string;
  /** What the message must name. */
  readonly says: RegExp;
};

const dependent = (name: string, on: string) =>
  `  ${name}:\n    rootfs: ./root\n    command: [/bin/puppet]\n    depends_on: [${on}]\n`;

const cases: readonly Case[] = [
  { what: 'text that is no YAML', code: 'yaml-syntax', stack: 'services:\n  web: [\n', at: '2:8', says: /not closed/ },
  { what: 'a tab as indentation', code: 'yaml-syntax', stack: 'services:\n\tweb: {}\n', at: '2:1', says: /tab/i },
  {
    what: 'a key given twice',
    code: 'yaml-duplicate-key',
    web: 'hostname: a\nhostname: b',
    at: '6:5',
    says: /hostname/,
  },
  { what: 'an unknown key', code: 'unknown-key', web: 'volums: [./a:/a]', at: '5:5', says: /volumes/ },
  { what: 'a value of the wrong type', code: 'wrong-type', web: 'hostname: [a]', at: '5:15', says: /list/ },
  { what: 'a bad size', code: 'bad-size', web: 'mem_limit: 64 apples', at: '5:16', says: /64 apples/ },
  { what: 'a bad duration', code: 'bad-duration', web: 'stop_grace_period: soon', at: '5:24', says: /soon/ },
  { what: 'a bad signal', code: 'bad-signal', web: 'stop_signal: SIGTREM', at: '5:18', says: /SIGTERM/ },
  { what: 'a bad port', code: 'bad-port', web: "ports: ['99999:80']", at: '5:13', says: /99999/ },
  { what: 'a missing root', code: 'rootfs-missing', stack: service('./nowhere'), at: '3:13', says: /nowhere/ },
  {
    what: 'a root that is a file and no tarball',
    code: 'rootfs-invalid',
    stack: service('./stack.yml'),
    at: '3:13',
    says: /./,
  },
  {
    what: 'a program that its root lacks',
    code: 'command-missing',
    stack: service('./root', '[/bin/absent]'),
    at: '4:14',
    says: /absent/,
  },
  {
    what: 'a bind source that is missing',
    code: 'bind-missing',
    web: 'volumes:\n  - {type: bind, source: ./gone, target: /x, bind: {create_host_path: false}}',
    at: '6:9',
    says: /gone/,
  },
  { what: 'a dependency on no service', code: 'unknown-service', web: 'depends_on: [db]', at: '5:18', says: /db/ },
  {
    what: 'a cycle of dependencies',
    code: 'dependency-cycle',
    stack: `services:\n${dependent('a', 'b')}${dependent('b', 'c')}${dependent('c', 'a')}`,
    at: '5:18',
    says: /a[\s\S]*b[\s\S]*c/,
  },
  {
    what: 'two mounts on one target',
    code: 'duplicate-target',
    web: 'volumes:\n  - ./root:/x\ntmpfs: /x',
    at: '7:12',
    says: /\/x/,
  },
  {
    what: 'one target given to two volumes',
    code: 'duplicate-target',
    web: 'volumes:\n  - ./root:/x\n  - ./strings:/x/',
    at: '7:9',
    says: /two things on \/x/,
  },
  { what: 'too little processor', code: 'limit-out-of-range', web: 'cpus: 0.001', at: '5:11', says: /0\.01/ },
  {
    what: 'more processors than there are',
    code: 'limit-out-of-range',
    web: 'cpus: 5000',
    at: '5:11',
    says: new RegExp(String(cpus().length)),
  },
  { what: 'too little memory', code: 'limit-out-of-range', web: 'mem_limit: 1m', at: '5:16', says: /6/ },
  { what: 'a user that is no user', code: 'bad-user', web: "user: '-1'", at: '5:11', says: /-1/ },
];

function service(rootfs: string, command = '[/bin/puppet]', more = ''): string {
  const rest = more
    .split('\n')
    .map((line) => (line === '' ? '' : `    ${line}\n`))
    .join('');
  return `services:\n  web:\n    rootfs: ${rootfs}\n    command: ${command}\n${rest}`;
}

const codesIn = ({ stderr }: Run) => [...stderr.matchAll(/^error\[(.*?)\]/gm)].map(([, code]) => code);

/** Nothing of the project is on the machine: not even a directory of its own. */
const untouched = (rig: Rig) => expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]);

describe('before anything is touched,', () => {
  for (const { what, code, stack, web, at, says } of cases) {
    scenario(`${what} is refused with its position`, [], async (rig) => {
      rig.puppetRoot();
      rig.write('stack.yml', stack ?? service('./root', '[/bin/puppet]', web));
      const up = await rig.cli(['up', '-d']);
      expect(up.code, up.stderr).toBe(3);
      expect(up.stderr).toContain(`[${code}]`);
      expect(up.stderr).toContain(`stack.yml:${at}`);
      expect(up.stderr).toMatch(says);
      expect(up.stderr).toContain('^');
      untouched(rig);
    });
  }

  scenario('all mistakes of a file are shown at once', [], async (rig) => {
    rig.puppetRoot();
    rig.write(
      'stack.yml',
      service('./root', '[/bin/puppet]', 'volums: []\nmem_limit: 64 apples\nstop_signal: SIGTREM'),
    );
    const up = await rig.cli(['up', '-d']);
    expect(up.code).toBe(3);
    for (const code of ['unknown-key', 'bad-size', 'bad-signal']) expect(up.stderr).toContain(`[${code}]`);
    untouched(rig);
  });

  scenario('what the machine lacks for the sound services is said with the mistakes of the file', [], async (rig) => {
    rig.puppetRoot();
    rig.write(
      'stack.yml',
      'services:\n' +
        '  a: {rootfs: ./root, command: /bin/absent, mem_limit: 64 apples}\n' +
        '  b: {rootfs: ./nowhere, command: /bin/puppet}\n' +
        '  c: {rootfs: ./root, command: /bin/missing, depends_on: [d]}\n' +
        '  d: {rootfs: ./root, command: /bin/puppet, depends_on: [c], cpus: 5000}\n',
    );
    for (const command of [
      ['up', '-d'],
      ['up', '--watch'],
    ]) {
      const up = await rig.cli(command);
      expect(up.code).toBe(3);
      expect(codesIn(up), up.stderr).toEqual([
        'bad-size',
        'rootfs-missing',
        'command-missing',
        'dependency-cycle',
        'limit-out-of-range',
      ]);
    }
    const run = await rig.cli(['run', 'c', '/bin/puppet']);
    expect(run.code).toBe(3);
    expect(codesIn(run), run.stderr).toEqual(['bad-size', 'dependency-cycle', 'limit-out-of-range']);
    untouched(rig);
  });

  scenario('a file that does not exist is named', [], async (rig) => {
    const up = await rig.cli(['up', '-d']);
    expect(up.code).toBe(3);
    expect(up.stderr).toContain('stack.yml');
    untouched(rig);
  });

  scenario('an alias bomb is refused in bounded time and memory', [], async (rig) => {
    const levels = Array.from({ length: 12 }, (_, i) => {
      const last =
        i === 0
          ? '[x, x, x, x, x, x, x, x, x]'
          : `[${Array(9)
              .fill(`*a${i - 1}`)
              .join(', ')}]`;
      return `x-${i}: &a${i} ${last}\n`;
    });
    rig.write('stack.yml', `${levels.join('')}services:\n  web:\n    rootfs: ./root\n    command: *a11\n`);
    const up = await rig.cli(['up', '-d'], { timeoutMs: 10_000 });
    expect(up.code).toBe(3);
    expect(up.stderr).toContain('[yaml-alias]');
    untouched(rig);
  });

  scenario('a directory given as the stack file is refused', [], async (rig) => {
    mkdirSync(rig.path('stack.yml'));
    const up = await rig.cli(['up', '-d']);
    expect(up.code).toBe(3);
    expect(up.stderr).toContain('stack.yml');
  });
});

describe('where only root may look', () => {
  scenario('nobody else is told that there is nothing', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    // The checkout may lie where nobody else can read.
    cpSync(join(root, 'dist'), rig.path('dist'), { recursive: true });
    chmodSync(rig.directory, 0o755);
    const asNobody = (...args: string[]) =>
      spawnSync(process.execPath, [rig.path('dist/tscompose.cjs'), '-p', rig.project, ...args], {
        encoding: 'utf8',
        uid: 65534,
        gid: 65534,
        cwd: '/',
        env: { PATH: process.env['PATH'], NO_COLOR: '1' },
      });
    for (const args of [
      ['ps'],
      ['logs'],
      ['exec', 'web', 'true'],
      ['down'],
      ['-f', rig.path('stack.yml'), 'up', '-d'],
    ]) {
      const { status, stdout, stderr } = asNobody(...args);
      expect([status, stdout], `${args}: ${stderr}`).toEqual([4, '']);
      expect(stderr).toMatch(/^error\[not-root\]: .* belongs to root\n {2}= sudo tscompose …\n$/);
    }
    expect(asNobody('__complete', '--', 'logs', '')).toMatchObject({ status: 0, stdout: ':\n', stderr: '' });
    expect((await rig.row('web')).status.kind).toBe('running');
  });
});

describe('a failure in the middle of up', () => {
  scenario('says what runs and what does not; the next up goes on, and down takes all away', [], async (rig) => {
    // A value that only the kernel can refuse.
    const refused = { sysctls: { 'kernel.shmmax': 'abc' } };
    const stack = (more: object) =>
      rig.stack({
        a: rig.puppet('a'),
        b: rig.puppet('b', { depends_on: ['a'], ...more }),
        c: rig.puppet('c', { depends_on: ['b'] }),
      });
    stack(refused);
    await rig.hold();
    const up = await rig.cli(['up', '-d']);
    expect(up.code).toBe(1);
    expect(up.stderr).toContain(`running: ${rig.project}-a-1\nnot running: ${rig.project}-b-1, ${rig.project}-c-1\n`);
    expect(up.stderr).toMatch(/\[setup-failed\].*\n *--> .*stack\.yml:\d+:\d+\n(.*\n)+.*\^\n/);
    const { pid } = (await rig.row('a')).status;
    stack({});
    await rig.ok(['up', '-d']);
    for (const name of ['a', 'b', 'c']) await rig.next(name);
    expect((await rig.row('a')).status.pid).toBe(pid);
    stack(refused);
    expect((await rig.cli(['up', '-d'])).code).toBe(1);
    await rig.ok(['down']);
    await eventually(() => untouched(rig));
  });
});

test('an unknown command is refused as wrong usage, with the nearest one', async () => {
  const run = await runCli(['upp']);
  expect(run.code).toBe(2);
  expect(run.stderr).toContain('up');
});
