import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../support/scenario.ts';

/*
 * Files that no friend would write: each ends soon, in little memory, and with words instead of a stack trace. The bound on
 * time is a minute, far above what any of them takes, and that on memory is a heap of 512 MiB.
 */
let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'tsc-hostile-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

const put = (name: string, content: string | Uint8Array) => writeFileSync(join(cwd, name), content);

async function check(file: string) {
  const env = { NODE_OPTIONS: '--max-old-space-size=512' };
  const { code, stdout, stderr } = await runCli(['-f', file, 'config', '-q'], { cwd, env, timeoutMs: 60_000 });
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/internal error|\n +at /);
  return { code, stderr };
}

const times = (count: number, make: (i: number) => string) => Array.from({ length: count }, (_, i) => make(i)).join('');
const one = 'services: {a: {image: x}}\n';

/** The error is the whole of what is printed. */
const whole: readonly (readonly [what: string, content: string | Uint8Array, stderr: string])[] = [
  [
    'a file of 50 MB',
    `${one}${'# padding padding padding padding padding padding\n'.repeat(1_000_000)}`,
    'error[file-too-large]: cannot read stack file FILE: it is larger than 4 MiB\n   = is it the right file?\n',
  ],
  [
    'a NUL byte',
    'services: {a: {image: "x\0"}}\n',
    'error[file-not-text]: cannot read stack file FILE: it has a NUL byte at offset 24: it is not a text file\n',
  ],
  [
    'bytes that are not UTF-8',
    Buffer.from('services: {a: {image: "\u00c3("}}\n', 'latin1'),
    'error[file-not-text]: cannot read stack file FILE: it is not valid UTF-8 (offset 23); save it as UTF-8\n',
  ],
  [
    'UTF-16',
    Buffer.from(`\u{feff}${one}`, 'utf16le'),
    'error[file-not-text]: cannot read stack file FILE: it is UTF-16; save it as UTF-8\n',
  ],
];

/** The first line of what is printed. */
const first: readonly (readonly [what: string, content: string, line: string])[] = [
  [
    'a thousand open brackets',
    `services: ${'['.repeat(1000)}\n`,
    '[yaml-shape]: values are nested more than 100 levels deep',
  ],
  [
    'a thousand levels of indentation',
    `${one}x-a:\n${times(1000, (i) => `${' '.repeat(i + 1)}k:\n`)}`,
    '[yaml-shape]: values are nested more than 100 levels deep',
  ],
  [
    'two thousand dashes',
    `${one}x-a:\n  ${'- '.repeat(2000)}a\n`,
    '[yaml-shape]: values are nested more than 100 levels deep',
  ],
  [
    'variables inside variables, five thousand deep',
    `services: {a: {image: "${'${A:-'.repeat(5000)}x${'}'.repeat(5000)}"}}\n`,
    '[yaml-shape]: values are nested more than 100 levels deep',
  ],
  [
    'a bomb of aliases',
    `${one}x-0: &x0 [${'lol,'.repeat(9)}]\n${times(9, (i) => `x-${i + 1}: &x${i + 1} [${`*x${i},`.repeat(9)}]\n`)}`,
    '[yaml-alias]: aliases expand to more than 100000 values',
  ],
  [
    'an alias inside its own anchor',
    'services: {a: {image: x, environment: &e {A: *e}}}\n',
    '[yaml-alias]: alias "*e" is inside its own anchor',
  ],
  [
    'services that extend each other in a row of three thousand',
    `services:\n${times(3000, (i) => `  s${i}: {extends: s${i + 1}, image: x}\n`)}  s3000: {image: x}\n`,
    '[extends]: more than 100 services extend each other in a row',
  ],
  [
    'a circle of three thousand services',
    `services:\n${times(3000, (i) => `  s${i}: {image: x, depends_on: [s${(i + 1) % 3000}]}\n`)}`,
    '[dependency-cycle]: services depend on each other in a circle: s0 → s1 → s2 → s3 → s4 → s5 → … → s2995',
  ],
  [
    'ranges of all ports',
    `services:\n  a:\n    image: x\n    ports: ["1-65535:1-65535"]\n`,
    '[bad-port]: "1-65535:1-65535" is not a port mapping',
  ],
  [
    'ten thousand services with two mistakes each',
    `services:\n${times(10_000, (i) => `  s${i}:\n    imagee: x\n    mem_limit: ${i} apples\n`)}`,
    '[unknown-key]: service "s0" has no setting "imagee"',
  ],
];

describe('refused in bounded time and memory:', () => {
  test.each(whole)('%s', async (_what, content, stderr) => {
    put('whole.yml', content);
    expect(await check('whole.yml')).toEqual({ code: 3, stderr: `${stderr.replace('FILE', 'whole.yml')}\n` });
  });

  test.each(first)('%s', { timeout: 90_000 }, async (_what, content, line) => {
    put('first.yml', content);
    const { code, stderr } = await check('first.yml');
    expect(code).toBe(3);
    expect(stderr.split('\n')[0]).toContain(`error${line}`);
    expect(stderr.length).toBeLessThan(20_000);
  });

  test('what is no regular file', async () => {
    mkdirSync(join(cwd, 'directory.yml'));
    symlinkSync('loop.yml', join(cwd, 'loop.yml'));
    symlinkSync('/dev/zero', join(cwd, 'device.yml'));
    spawnSync('mkfifo', [join(cwd, 'fifo.yml')]);
    const of = async (file: string) => (await check(file)).stderr;
    const because = (file: string, why: string, remedy: string) =>
      `error[file-unreadable]: cannot read stack file ${file}: ${why}\n   = ${remedy}\n\n`;
    expect(await of('directory.yml')).toBe(because('directory.yml', 'it is a directory', 'name the file in it'));
    const loop = 'name the file itself: a link of this path leads back to where it began';
    expect(await of('loop.yml')).toBe(because('loop.yml', 'too many symbolic links', loop));
    const irregular = [
      'it is not a regular file',
      'name a file that can be read again, or - for standard input',
    ] as const;
    expect(await of('device.yml')).toBe(because('device.yml', ...irregular));
    expect(await of('fifo.yml')).toBe(because('fifo.yml', ...irregular));
  });

  test('files that include each other', async () => {
    put('a.yml', `include: [b.yml]\n${one}`);
    put('b.yml', 'include: [a.yml]\nservices: {b: {image: x}}\n');
    const { code, stderr } = await check('a.yml');
    expect([code, stderr.split('\n')[0]]).toEqual([
      3,
      'error[include]: files include each other in a circle: a.yml → b.yml → a.yml',
    ]);
  });

  test('standard input without end', async () => {
    const input = '# padding\n'.repeat(3_000_000);
    const { code, stderr } = await runCli(['-f', '-', 'config', '-q'], { cwd, input });
    expect([code, stderr]).toEqual([
      3,
      'error[file-too-large]: cannot read stack file <stdin>: it is larger than 4 MiB\n   = is it the right file?\n\n',
    ]);
  });
});

test('ten thousand services are not too many', { timeout: 90_000 }, async () => {
  put('many.yml', `services:\n${times(10_000, (i) => `  s${i}: {image: x, ports: ["${i + 1}:80"]}\n`)}`);
  expect(await check('many.yml')).toEqual({ code: 0, stderr: '' });
});
