import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyRecord, readNetworkRecord } from '../../../../src/runtime/linux/network/record.ts';
import { entries, readRecord, readState } from '../../../../src/runtime/linux/state-dir.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tsc-absent-'));
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'file'), '{');
});
afterAll(() => rmSync(dir, { recursive: true }));

// Whatever is taken for absent is cleared away, or made anew beside what runs.
describe('what is on disk of a container', () => {
  test('is none where nothing is', () => {
    for (const nowhere of ['nothing', 'file/nothing'].map((name) => join(dir, name))) {
      expect(readRecord(nowhere)).toBeUndefined();
      expect(readState(nowhere)).toBeUndefined();
      expect(entries(nowhere)).toEqual([]);
      expect(readNetworkRecord(nowhere)).toBe(emptyRecord);
    }
  });

  test('is none when a command was killed as it wrote it', () => {
    expect(readRecord(join(dir, 'file'))).toBeUndefined();
    expect(readNetworkRecord(join(dir, 'file'))).toBe(emptyRecord);
  });

  test('is not taken for none when it cannot be read', () => {
    const unreadable = join(dir, 'folder');
    expect(() => readRecord(unreadable)).toThrow('EISDIR');
    expect(() => readState(unreadable)).toThrow('EISDIR');
    expect(() => readNetworkRecord(unreadable)).toThrow('EISDIR');
    expect(() => entries(`${dir}/${'x'.repeat(300)}`)).toThrow('ENAMETOOLONG');
  });
});
