import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openEventLog } from '../../../src/supervise/event-log.ts';
import { followEvents } from '../../../src/supervise/event-tail.ts';
import type { LogLine } from '../../../src/supervise/log-entry.ts';
import { eventually } from '../../support/eventually.ts';
import { later } from '../../support/later.ts';

const line = (atMs: number, cause = 'ünïcode'): LogLine => ({
  kind: 'step',
  atMs,
  container: 'shop-web-1' as never,
  by: 'up',
  action: 'start',
  cause,
});

test('what is appended is heard once and in order, also when the file is turned over meanwhile', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tail-'));
  const path = join(directory, 'events');
  const log = openEventLog(path, { maxBytes: 1000 });
  log.append(line(0));
  const end = new AbortController();
  const heard: number[] = [];
  const following = later(followEvents(path, { signal: end.signal, onLine: ({ atMs }) => heard.push(atMs) }));
  const numbers = Array.from({ length: 100 }, (_, i) => i + 1);
  for (const number of numbers) {
    log.append(line(number));
    // A file that is turned over twice before anybody looks is lost to the one who follows.
    if (number % 5 === 0) await eventually(() => expect(heard.at(-1)).toBe(number));
  }
  await eventually(() => expect(heard).toEqual(numbers));
  end.abort();
  await following;
  rmSync(directory, { recursive: true });
});

test('a log that does not exist yet is found when it comes', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tail-'));
  const path = join(directory, 'events');
  const end = new AbortController();
  const heard: string[] = [];
  const following = later(followEvents(path, { signal: end.signal, onLine: (each) => heard.push(each.kind) }));
  openEventLog(path).append(line(1));
  await eventually(() => expect(heard).toEqual(['step']));
  end.abort();
  await following;
  rmSync(directory, { recursive: true });
});
