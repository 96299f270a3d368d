import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cacheFolder } from '../../../../src/cli/cache/directory.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-cache-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('what was written is read again, by nobody but its owner', () => {
  const folder = cacheFolder(join(directory, 'new'), 8);
  folder.write('one', 'größer');
  expect(folder.read('one')).toBe('größer');
  expect(statSync(join(directory, 'new', 'one')).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700);
});

test('what is not there is not there', () => {
  expect(cacheFolder(join(directory, 'none'), 8).read('one')).toBeUndefined();
});

test('every damage is noticed: cut, one bit turned, emptied', () => {
  const folder = cacheFolder(directory, 8);
  const path = join(directory, 'one');
  folder.write('one', Array.from({ length: 250 }, (_, at) => at).join(' '));
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length; at += 37) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    expect(folder.read('one'), `byte ${at}`).toBeUndefined();
  }
  writeFileSync(path, whole);
  truncateSync(path, 501);
  expect(folder.read('one')).toBeUndefined();
  truncateSync(path, 200);
  writeFileSync(path, whole.subarray(0, 700));
  expect(folder.read('one')).toBeUndefined();
  truncateSync(path, 0);
  expect(folder.read('one')).toBeUndefined();
});

test('only the newest are kept, and nothing half-written stays', () => {
  const folder = cacheFolder(directory, 3);
  for (let at = 0; at < 6; at++) {
    folder.write(`n${at}`, 'x');
    utimesSync(join(directory, `n${at}`), at, at);
  }
  folder.write('last', 'x');
  expect(readdirSync(directory).sort()).toEqual(['last', 'n4', 'n5']);
});

test('a folder that cannot be made is a cache that forgets', () => {
  writeFileSync(join(directory, 'file'), '');
  const folder = cacheFolder(join(directory, 'file', 'below'), 3);
  folder.write('one', 'x');
  expect(folder.read('one')).toBeUndefined();
});
