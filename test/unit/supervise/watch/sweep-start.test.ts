import { lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { HostPath } from '../../../../src/model/units.ts';
import { sweepStart } from '../../../../src/supervise/watch/sweep-start.ts';

const directory = mkdtempSync(join(tmpdir(), 'tsc-'));
afterAll(() => rmSync(directory, { recursive: true }));

const path = join(directory, 'file') as HostPath;
writeFileSync(path, '');
const changedMs = lstatSync(path).ctimeMs;
const there = { path, now: 'there' } as const;
const gone = { path: join(directory, 'gone') as HostPath, now: 'gone' } as const;

describe('from when on a batch is completed', () => {
  it('is when its first path changed, not a second earlier', () => {
    const start = sweepStart([gone, there], changedMs + 400);
    expect(start).toBeLessThan(changedMs);
    expect(start).toBeGreaterThan(changedMs - 50);
  });

  it('is when it was heard of, where all has changed again since', () => {
    expect(sweepStart([there], changedMs - 300)).toBeGreaterThan(changedMs - 350);
  });

  it('is at most a second before it was heard of, and that where no path is left to tell', () => {
    expect(sweepStart([there], changedMs + 5000)).toBe(changedMs + 4000);
    expect(sweepStart([gone], changedMs)).toBe(changedMs - 1000);
  });
});
