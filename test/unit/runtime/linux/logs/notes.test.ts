import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, expect, test } from 'vitest';
import type { ContainerName, ProjectName } from '../../../../../src/model/units.ts';
import { Notes } from '../../../../../src/runtime/linux/logs/notes.ts';
import { openLogs } from '../../../../../src/runtime/linux/logs.ts';
import { containerPaths, hostPaths, projectPaths } from '../../../../../src/runtime/linux/paths.ts';
import { offset, size } from '../../../../../src/runtime/linux/protocol.ts';

const root = mkdtempSync(`${tmpdir()}/tsc-`);
afterAll(() => rmSync(root, { recursive: true }));

const shop = 'shop' as ProjectName;
const web = 'shop-web-1' as ContainerName;
const host = { TSCOMPOSE_ROOT: root };

/** Adds lines to a log, each a byte. */
function logIn(directory: string): (timeMs: number) => void {
  let written = 0;
  mkdirSync(directory, { recursive: true });
  return (timeMs) => {
    const entry = Buffer.alloc(size.logEntry);
    entry.writeBigUInt64LE(BigInt(written++), offset.logEntry.offset);
    entry.writeBigUInt64LE(BigInt(timeMs) * 1_000_000n, offset.logEntry.time_ns);
    entry.writeUInt32LE(1, offset.logEntry.length);
    entry[offset.logEntry.stream] = 1;
    appendFileSync(`${directory}/log`, '\n');
    appendFileSync(`${directory}/index`, entry);
  };
}

test('a note is said after what was written before it, though somebody writes for ever', async () => {
  const write = logIn(containerPaths(projectPaths(hostPaths(host), shop), web).log);
  const notes = new Notes();
  const said: string[] = [];
  const over = new AbortController();
  const addedMs = Date.now();
  write(addedMs - 1000);
  for await (const { timeMs } of openLogs(shop, [web], { follow: true, notes, signal: over.signal, host })) {
    said.push(timeMs < addedMs ? 'before' : 'later');
    if (said.length === 1) notes.add(() => said.push('note'));
    if (said.length === 1) write(addedMs - 500);
    else write(addedMs + 60_000 + said.length);
    if (said.length > 10) break;
  }
  over.abort();
  expect(said.slice(0, 4)).toEqual(['before', 'before', 'note', 'later']);
  expect(said.filter((what) => what === 'note')).toHaveLength(1);
});
