import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { warnings } from '../../scripts/build-native.mjs';
import { encodeFrame } from '../../src/runtime/linux/frame.ts';
import { frameKind } from '../../src/runtime/linux/protocol.ts';
import { sampleProgram } from './rig.ts';
import { op } from './wire.ts';

const dir = mkdtempSync(join(tmpdir(), 'tsc-sanitised-'));
const root = join(import.meta.dirname, '../..');
const cc = process.env['CC'] ?? 'cc';
const flags = [...warnings, '-g', '-O1', '-fno-sanitize-recover=all', '-fsanitize=address,undefined'];

function canSanitise(): boolean {
  writeFileSync(join(dir, 'probe.c'), 'int main(void) { return 0; }\n');
  const probe = join(dir, 'probe');
  const built = spawnSync(cc, ['-fsanitize=address,undefined', join(dir, 'probe.c'), '-o', probe]);
  return built.status === 0 && spawnSync(probe).status === 0;
}

const possible = canSanitise();
if (!possible) console.log(`skipped: ${cc} has no runtime for -fsanitize=address,undefined`);

function build(name: string): string {
  const sources = ['frame', 'state', 'text'].map((part) => join(root, `native/src/${part}.c`));
  const output = join(dir, name);
  execFileSync(cc, [...flags, join(root, `test/native/c/${name}.c`), ...sources, '-o', output], { stdio: 'inherit' });
  return output;
}

describe.skipIf(!possible)('the pure parts of the shim under sanitizers', () => {
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('text, numbers, paths, checksums, records, log arithmetic and frames', () => {
    expect(execFileSync(build('unit'), { encoding: 'utf8' })).toBe('ok\n');
  });

  test('no mutation of a frame makes the decoder read what is not there', () => {
    const join_ = [op('JOIN', [12, 34n], '/sys/fs/cgroup/x'), op('EXEC_TTY', [1])];
    const command = [op('ENV', [], 'A=1\0B=\0'), op('EXEC', [], 'sh\0-c\0true\0')];
    const frames = [
      encodeFrame(frameKind.CONTAINER, 1, sampleProgram()),
      encodeFrame(frameKind.EXEC, 2, [
        { phase: 'HOLD', ops: join_ },
        { phase: 'PROCESS', ops: command },
      ]),
    ];
    const files = frames.map((frame, i) => {
      const file = join(dir, `frame${i}`);
      writeFileSync(file, frame);
      return file;
    });
    const begin = Date.now();
    const seed = `${Date.now()}`;
    const run = spawnSync(build('fuzz'), ['300000', seed, ...files], { encoding: 'utf8', timeout: 60_000 });
    expect(run.stderr, `seed ${seed}`).toBe('');
    expect(run.status).toBe(0);
    const decoded = Number(/(\d+) decoded/.exec(run.stdout)?.[1]);
    expect(decoded).toBeGreaterThan(10_000);
    expect(Date.now() - begin).toBeLessThan(20_000);
  });
});
