import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ContainerName } from '../../../../../src/model/units.ts';
import { LogReader } from '../../../../../src/runtime/linux/logs/reader.ts';
import { offset, size } from '../../../../../src/runtime/linux/protocol.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tsc-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A log whose lines are the moments they were written at, one generation of files each list, the oldest first. */
function logOf(...generations: readonly (readonly number[])[]): string {
  const directory = mkdtempSync(join(scratch, 'log-'));
  for (const [index, moments] of [...generations].reverse().entries()) {
    const suffix = index === 0 ? '' : `.${index}`;
    const lines = moments.map((moment) => Buffer.from(`${moment}\n`));
    const entries = lines.map((line, i) => {
      const bytes = Buffer.alloc(size.logEntry);
      const before = lines.slice(0, i).reduce((sum, { length }) => sum + length, 0);
      bytes.writeBigUInt64LE(BigInt(before), offset.logEntry.offset);
      bytes.writeBigUInt64LE(BigInt(moments[i] as number) * 1_000_000n, offset.logEntry.time_ns);
      bytes.writeUInt32LE(line.length, offset.logEntry.length);
      bytes[offset.logEntry.stream] = 1;
      return bytes;
    });
    writeFileSync(`${directory}/log${suffix}`, Buffer.concat(lines));
    writeFileSync(`${directory}/index${suffix}`, Buffer.concat(entries));
  }
  return directory;
}

function since(sinceMs: number, directory: string): readonly number[] {
  const reader = new LogReader('shop-web-1' as ContainerName, directory, {
    sinceMs,
    untilMs: Number.POSITIVE_INFINITY,
  });
  const shown: string[] = [];
  for (let chunk = reader.peek(); chunk !== undefined; chunk = reader.peek()) {
    shown.push(chunk.bytes.toString());
    reader.take();
  }
  reader.close();
  return shown.join('').split('\n').filter(Boolean).map(Number);
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe('--since', () => {
  test('shows what was written from then on, across generations', () => {
    const log = logOf(range(100, 200), range(200, 300));
    expect(since(150, log)).toEqual(range(150, 300));
    expect(since(250, log)).toEqual(range(250, 300));
    expect(since(300, log)).toEqual([]);
  });

  test('shows all of the present after the clock was set ahead', () => {
    const log = logOf([...range(100, 200), ...range(5000, 5100)]);
    expect(since(150, log)).toEqual([...range(150, 200), ...range(5000, 5100)]);
    expect(since(1000, log)).toEqual(range(5000, 5100));
  });

  /** What lies before something that is too old may be left out, whatever time it bears; what comes after it is not. */
  function isComplete(sinceMs: number, moments: readonly number[], shown: readonly number[]): boolean {
    const after = [...moments].reverse().findIndex((moment) => moment < sinceMs);
    const certain = after === -1 ? moments : moments.slice(moments.length - after);
    return (
      shown.every((moment) => moment >= sinceMs) && certain.join() === shown.slice(shown.length - certain.length).join()
    );
  }

  test.each([
    ['back', [...range(1000, 1100), ...range(500, 600)]],
    ['back and ahead again', [...range(1000, 1100), ...range(500, 600), ...range(1200, 1300)]],
    ['back twice', [...range(1000, 1100), ...range(500, 600), ...range(100, 200)]],
  ])('loses nothing that was written lately when the clock was set %s', (_name, moments) => {
    const [half, log] = [moments.length / 2, logOf(moments)];
    const rotated = logOf(moments.slice(0, half), moments.slice(half));
    for (let sinceMs = 50; sinceMs < 1400; sinceMs += 7) {
      for (const each of [log, rotated]) {
        expect(isComplete(sinceMs, moments, since(sinceMs, each)), `since ${sinceMs}`).toBe(true);
      }
    }
  });
});
