import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DesiredContainer } from '../../../../src/model/state.ts';
import { readGivenUp } from '../../../../src/runtime/linux/given-up.ts';
import { readHealth } from '../../../../src/runtime/linux/health.ts';
import { emptyRecord, readNetworkRecord } from '../../../../src/runtime/linux/network/record.ts';
import { observeOneOff } from '../../../../src/runtime/linux/one-off.ts';
import { containerPaths, hostPaths, projectPaths } from '../../../../src/runtime/linux/paths.ts';
import { entries, readRecord, readState } from '../../../../src/runtime/linux/state-dir.ts';
import { containersOf, exited, observe, project } from '../../../support/builders.ts';

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

/** The readers of what is written of a container beside its state; each has `name` in a folder of its own. */
function readers(folder: string) {
  const [desired] = containersOf({ name: 'web', config: { restart: { condition: 'always' } } });
  const seen = observe(desired as DesiredContainer, { status: exited(3) });
  const where = {
    ...containerPaths(projectPaths(hostPaths({}), project), seen.name),
    ended: join(folder, 'ended.json'),
  };
  const owner = { pid: 0, start: '0', bootId: '' };
  return [
    { name: 'health.json', read: () => readHealth(folder, 1000), none: undefined },
    { name: 'given-up.json', read: () => readGivenUp(folder, seen), none: undefined },
    {
      name: 'ended.json',
      read: () => observeOneOff(seen, { mode: 'attached', remove: false, owner }, where).status,
      none: exited(3),
    },
  ];
}

describe('what is written of a container beside its state', () => {
  test('is none where nothing is, and where the machine went down as it was written', () => {
    const folder = mkdtempSync(join(dir, 'torn-'));
    for (const { name, read, none } of readers(folder)) {
      expect(read()).toEqual(none);
      for (const torn of ['', '{']) {
        writeFileSync(join(folder, name), torn);
        expect(read(), `${name} with "${torn}"`).toEqual(none);
      }
    }
  });

  test('is not taken for none when it cannot be read', () => {
    const folder = mkdtempSync(join(dir, 'unreadable-'));
    for (const { name, read } of readers(folder)) {
      mkdirSync(join(folder, name));
      expect(read, name).toThrow('EISDIR');
    }
  });
});
