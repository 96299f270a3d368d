import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../support/scenario.ts';

let cache = '';
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'tsc-xdg-'));
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

/** `version` with this cache: it must always work, and say the same. */
async function version(): Promise<void> {
  const { code, stdout, stderr } = await runCli(['version'], { env: { XDG_CACHE_HOME: cache } });
  expect([code, stdout, stderr]).toEqual([0, expect.stringMatching(/^tscompose \d/), '']);
}

function codeFile(): string {
  const code = join(cache, 'tscompose', 'code');
  const [build] = readdirSync(code);
  return join(code, build!, 'cli.cjs.bin');
}

describe('compiled code', () => {
  test('is kept by the first run and used by the second, which need not write it again', async () => {
    await version();
    const { ino, mode } = statSync(codeFile());
    expect(mode & 0o777).toBe(0o600);
    await version();
    expect(statSync(codeFile()).ino).toBe(ino);
  });

  test('that is damaged is made anew, wherever the damage is', async () => {
    await version();
    const whole = readFileSync(codeFile());
    const flipped = (at: number) => {
      const copy = Buffer.from(whole);
      copy[at]! ^= 0x40;
      return copy;
    };
    const damages = [
      Buffer.alloc(0),
      Buffer.alloc(whole.length),
      whole.subarray(0, whole.length / 2),
      whole.subarray(0, 1000),
      ...[3, 300, 5000, whole.length / 4, whole.length / 2 + 300, whole.length - 1].map((at) =>
        flipped(Math.floor(at)),
      ),
    ];
    for (const damage of damages) {
      writeFileSync(codeFile(), damage);
      await version();
      expect(readFileSync(codeFile()).length).toBeGreaterThan(10_000);
    }
  });

  test('learns what another kind of run needs', async () => {
    await version();
    const before = readFileSync(codeFile()).length;
    await runCli(['ls'], { env: { XDG_CACHE_HOME: cache } });
    expect(readFileSync(codeFile()).length).toBeGreaterThan(before);
  });

  test('of a frequent command is its own', async () => {
    await runCli(['-p', 'nobody', 'ps'], { env: { XDG_CACHE_HOME: cache } });
    const code = join(cache, 'tscompose', 'code');
    expect(readdirSync(join(code, readdirSync(code)[0]!))).toContain('cli.cjs.ps.bin');
  });

  test('of old builds goes', async () => {
    await version();
    const code = join(cache, 'tscompose', 'code');
    for (let at = 0; at < 9; at++) mkdirSync(join(code, `old-${at}`));
    rmSync(codeFile());
    await version();
    expect(readdirSync(code).length).toBeLessThanOrEqual(4);
    expect(
      existsSync(codeFile()) || readdirSync(code).some((name) => existsSync(join(code, name, 'cli.cjs.bin'))),
    ).toBe(true);
  });

  test('that somebody else could have written is not believed', async () => {
    await version();
    chmodSync(codeFile(), 0o666);
    const { ino } = statSync(codeFile());
    await version();
    expect(statSync(codeFile()).ino).not.toBe(ino);
  });
});

test('a cache directory that others can write to is left alone', async () => {
  chmodSync(cache, 0o777);
  await version();
  expect(readdirSync(join(cache, 'tscompose'))).toEqual([]);
});

const cannotChown = process.getuid?.() !== 0;
test.skipIf(cannotChown)('a cache directory of another user is left alone, as with sudo', async () => {
  chownSync(cache, 12345, 12345);
  await version();
  expect(existsSync(join(cache, 'tscompose', 'code'))).toBe(false);
});

test('without any place to keep things everything works, and no file of the program is read twice', async () => {
  writeFileSync(join(cache, 'tscompose'), 'a file in the way');
  await version();
  const counting = join(cache, 'counting.cjs');
  writeFileSync(
    counting,
    `const fs = require('node:fs'), open = fs.openSync, seen = [];
     fs.openSync = (path, ...more) => (seen.push(String(path)), open(path, ...more));
     process.on('exit', () => fs.writeFileSync(${JSON.stringify(join(cache, 'seen'))}, JSON.stringify(seen)));`,
  );
  const env = { XDG_CACHE_HOME: cache, NODE_OPTIONS: `--require ${counting}` };
  expect((await runCli(['help', 'up'], { env })).code).toBe(0);
  const seen = JSON.parse(readFileSync(join(cache, 'seen'), 'utf8')) as string[];
  const chunks = seen.filter(
    (path) => path.includes('/dist/') && path.endsWith('.cjs') && !path.endsWith('/tscompose.cjs'),
  );
  expect(chunks.length).toBeGreaterThan(0);
  expect(new Set(chunks).size).toBe(chunks.length);
});
