import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { ContainerName, ProjectName } from '../../../../src/model/units.ts';
import { containerPaths, hostPaths, projectPaths } from '../../../../src/runtime/linux/paths.ts';
import { bootId } from '../../../../src/runtime/linux/proc.ts';
import { abi, offset, size, stateMagic, statePhase } from '../../../../src/runtime/linux/protocol.ts';
import { hashWords } from '../../../../src/runtime/linux/records.ts';
import { watchProject } from '../../../../src/runtime/linux/watch.ts';
import { eventually } from '../../../support/eventually.ts';
import { later } from '../../../support/later.ts';

const container = 'shop-web-1' as ContainerName;
const project = 'shop' as ProjectName;

/** A container that has ended at that second. */
function endedState(sequence: number, finishedS: number): Buffer {
  const at = offset.state;
  const bytes = Buffer.alloc(size.state);
  bytes.writeUInt32LE(stateMagic, at.magic);
  bytes.writeUInt32LE(abi, at.abi);
  bytes.writeBigUInt64LE(BigInt(sequence), at.sequence);
  bytes.write(bootId().replaceAll('-', ''), at.boot_id, 'hex');
  bytes.writeUInt32LE(statePhase.EXITED, at.phase);
  bytes.writeBigUInt64LE(BigInt(finishedS) * 1_000_000_000n, at.finished_ns);
  bytes[at.exit_known] = 1;
  bytes.writeUInt32LE(hashWords(bytes, at.checksum), at.checksum);
  return bytes;
}

function replyWith(state: Buffer): Buffer {
  const bytes = Buffer.alloc(size.reply);
  bytes.writeUInt32LE(size.reply, offset.reply.size);
  state.copy(bytes, offset.reply.state);
  return bytes;
}

test('what a monitor has told before its record was read is not reported after it', async () => {
  const root = mkdtempSync(join(tmpdir(), 'tsc-watch-'));
  const paths = hostPaths({ TSCOMPOSE_ROOT: root });
  const where = containerPaths(projectPaths(paths, project), container);
  for (const path of [where.record, where.stateRecord, where.controlSocket]) {
    mkdirSync(dirname(path), { recursive: true });
  }
  const config = { restart: { condition: 'no' }, hooks: { postStart: [], postStop: [] }, healthcheck: undefined };
  writeFileSync(where.record, JSON.stringify({ version: 1, name: container, service: 'web', config, dependsOn: [] }));
  writeFileSync(where.stateRecord, Buffer.concat([endedState(6, 200), endedState(5, 100)]));
  const clients: Socket[] = [];
  const monitor = createServer((client) => {
    clients.push(client);
    client.on('error', () => {});
    client.once('data', () => client.write(Buffer.concat([endedState(5, 100), endedState(7, 300)].map(replyWith))));
  });
  await new Promise<void>((resolve) => monitor.listen(where.controlSocket, resolve));

  const ends: number[] = [];
  const over = new AbortController();
  const watching = later(
    watchProject(paths, project, {
      signal: over.signal,
      onChange: ({ status }) => ends.push(status.kind === 'exited' ? status.finishedAtMs / 1000 : 0),
      onGone: () => {},
    }),
  );
  try {
    await eventually(() => expect(ends).toContain(300));
    expect(ends).toEqual([200, 300]);
  } finally {
    over.abort();
    await watching;
    for (const client of clients) client.destroy();
    monitor.close();
    rmSync(root, { recursive: true });
  }
});
