import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ContainerName } from '../../../src/model/units.ts';
import { openEventLog } from '../../../src/supervise/event-log.ts';
import type { LogLine } from '../../../src/supervise/log-entry.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-events-'));
  path = join(directory, 'events');
});
afterEach(() => rmSync(directory, { recursive: true }));

const line = (startedAtMs: number): LogLine => ({
  kind: 'started',
  atMs: startedAtMs,
  container: 'shop-web-1' as ContainerName,
  startedAtMs,
  restarts: 0,
});

test('what was appended is read back in order, also by another process', () => {
  openEventLog(path).append(line(1));
  openEventLog(path).append(line(2));
  expect(openEventLog(path).read()).toEqual([line(1), line(2)]);
});

test('a log that does not exist is empty', () => {
  expect(openEventLog(path).read()).toEqual([]);
});

test('a line torn by a crash costs itself and no other', () => {
  const log = openEventLog(path);
  log.append(line(1));
  appendFileSync(path, '{"kind":"star');
  log.append(line(2));
  appendFileSync(path, 'null\n42\n{"kind":1}\n');
  expect(log.read()).toEqual([line(1), line(2)]);
});

test('the log never grows beyond two files, and the newest lines are the ones that stay', () => {
  const log = openEventLog(path, { maxBytes: 1000 });
  for (let index = 0; index < 500; index++) log.append(line(index));
  const kept = log.read();
  expect(statSync(`${path}.1`).size).toBeLessThan(1200);
  expect(kept.at(-1)).toEqual(line(499));
  expect(kept.map(({ atMs }) => atMs)).toEqual(kept.map((_, index) => 500 - kept.length + index));
  expect(kept.length).toBeGreaterThan(5);
});

test('a text of any length is cut to what a line can bear', () => {
  const log = openEventLog(path);
  log.append({
    kind: 'health',
    health: 'unhealthy',
    exitCode: 1,
    output: 'x'.repeat(1e6),
    atMs: 1,
    container: line(1).container,
  });
  expect(statSync(path).size).toBeLessThan(5000);
});

test('a place that cannot be written to stops nobody', () => {
  writeFileSync(path, '');
  const log = openEventLog(join(path, 'below-a-file'));
  expect(() => log.append(line(1))).not.toThrow();
  expect(log.read()).toEqual([]);
});

test('only the owner may read it', () => {
  openEventLog(path).append(line(1));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(2);
});
