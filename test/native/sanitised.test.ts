import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { warnings } from '../../scripts/build-native.mjs';
import { encodeFrame } from '../../src/runtime/linux/frame.ts';
import { encodeNetTable } from '../../src/runtime/linux/network/net-table.ts';
import { frameKind } from '../../src/runtime/linux/protocol.ts';
import { sampleRecord } from '../support/network-record.ts';
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

function build(name: string, parts: readonly string[]): string {
  const sources = parts.map((part) => join(root, `native/${part}.c`));
  const output = join(dir, name);
  execFileSync(cc, [...flags, join(root, `test/native/c/${name}.c`), ...sources, '-o', output], { stdio: 'inherit' });
  return output;
}

/** Runs a fuzzer for so many rounds; what it counted, by name. */
function fuzzed(program: string, rounds: number, inputs: readonly string[]): (name: string) => number {
  const seed = `${process.env['TSCOMPOSE_SEED'] ?? Date.now()}`;
  const run = spawnSync(program, [`${rounds}`, seed, ...inputs], { encoding: 'utf8', timeout: 100_000 });
  expect(run.stderr, `TSCOMPOSE_SEED=${seed}`).toBe('');
  expect(run.status, `TSCOMPOSE_SEED=${seed}`).toBe(0);
  return (name) => Number(new RegExp(`(\\d+) ${name}`).exec(run.stdout)?.[1]);
}

const cannotChroot = process.geteuid?.() !== 0;
const pure = ['src/frame', 'src/state', 'src/text'];

describe.skipIf(!possible)('the parts of the native programs that read what others wrote, under sanitizers:', () => {
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  test('text, numbers, paths, checksums, records, log arithmetic and frames', () => {
    expect(execFileSync(build('unit', pure), { encoding: 'utf8' })).toBe('ok\n');
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
    expect(fuzzed(build('fuzz', pure), 300_000, files)('decoded')).toBeGreaterThan(10_000);
  });

  test('no table and no question to the DNS leads beyond its bytes, and every answer fits its question', () => {
    const table = join(dir, 'table');
    writeFileSync(table, encodeNetTable(sampleRecord, { hostServers: ['192.0.2.53'] }));
    const count = fuzzed(build('fuzz_net', ['net/dns', 'net/table', 'src/text']), 100_000, [table]);
    expect(count('tables')).toBeGreaterThan(50_000);
    expect(count('found')).toBeGreaterThan(10_000);
    expect(count('forwarded')).toBeGreaterThan(1000);
  });

  test('questions to the DNS over TCP come whole and in order, however they are cut and whatever length they claim', () => {
    const count = fuzzed(build('fuzz_stream', ['net/table', 'src/text']), 20_000, []);
    expect(count('whole')).toBeGreaterThan(50_000);
    expect(count('ended')).toBeGreaterThan(5000);
    expect(count('apart')).toBeGreaterThan(10_000);
  });

  test.skipIf(cannotChroot)(
    'no request to the file service leads out of a container, is left unanswered, or leaves anything half-done',
    () => {
      const place = join(dir, 'place');
      mkdirSync(place);
      const parts = ['src/files_path', 'src/files_write', 'src/text', 'src/target', 'src/kernel'];
      const count = fuzzed(build('fuzz_files', parts), 10_000, [place]);
      expect(count('answered')).toBeGreaterThan(50_000);
      expect(count('answered') - count('refused')).toBeGreaterThan(10_000);
    },
  );

  test('no program of a container misleads the search for its interpreter', () => {
    const program = build('fuzz_program', ['src/interpreter', 'src/text']);
    expect(fuzzed(program, 100_000, [process.execPath])('named')).toBeGreaterThan(10_000);
  });
});
