import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { observeContainer } from '../../../../src/runtime/linux/observe.ts';
import { bootId, startTime } from '../../../../src/runtime/linux/proc.ts';
import { abi, offset, size, stateMagic, statePhase } from '../../../../src/runtime/linux/protocol.ts';
import { hashWords } from '../../../../src/runtime/linux/records.ts';
import type { ContainerRecord } from '../../../../src/runtime/linux/state-dir.ts';
import { beside } from '../../../support/child.ts';

/** Of a container whose monitor is this process, and whose init is gone. */
function stateOf(phase: number, waitStatus?: number, { oomKilled = false } = {}): Buffer {
  const at = offset.state;
  const bytes = Buffer.alloc(size.state);
  bytes.writeUInt32LE(stateMagic, at.magic);
  bytes.writeUInt32LE(abi, at.abi);
  bytes.writeBigUInt64LE(1n, at.sequence);
  bytes.write(bootId(), at.boot_id, 'hex');
  bytes.writeInt32LE(process.pid, at.monitor_pid);
  bytes.writeBigUInt64LE(startTime(process.pid) ?? 0n, at.monitor_start);
  bytes.writeUInt32LE(phase, at.phase);
  bytes.writeUInt32LE(1, at.starts);
  if (waitStatus !== undefined) {
    bytes.writeInt32LE(waitStatus, at.wait_status);
    bytes[at.exit_known] = 1;
  }
  if (oomKilled) bytes[at.oom_killed] = 1;
  bytes.writeUInt32LE(hashWords(bytes, at.checksum), at.checksum);
  return bytes;
}

/** What init writes down. */
function exitOf(waitStatus: number): Buffer {
  const at = offset.exit;
  const bytes = Buffer.alloc(size.exit);
  bytes.writeUInt32LE(stateMagic, at.magic);
  bytes.writeUInt32LE(1, at.start);
  bytes.writeInt32LE(waitStatus, at.wait_status);
  bytes.writeUInt32LE(hashWords(bytes, at.checksum), at.checksum);
  return bytes;
}

test.each([
  ['killed', false],
  ['killed for want of memory', true],
])('what was %s a moment ago has ended as its monitor is about to say', async (_, oomKilled) => {
  const state = mkdtempSync(`${tmpdir()}/tsc-observe-`);
  const where = { state, stateRecord: `${state}/state`, hooks: `${state}/hooks.json` };
  const config = { restart: { condition: 'no' }, hooks: { postStart: [], postStop: [] } };
  const record = { name: 'shop-web-1', service: 'web', config } as unknown as ContainerRecord;
  writeFileSync(where.stateRecord, stateOf(statePhase.RUNNING));
  writeFileSync(`${state}/later`, stateOf(statePhase.EXITED, 9, { oomKilled }));
  if (oomKilled) writeFileSync(`${state}/exit`, exitOf(9));
  try {
    const monitor = beside(spawn('sh', ['-c', 'sleep 0.002; mv later state'], { cwd: state, stdio: 'ignore' }));
    const { status } = observeContainer(record, where);
    await once(monitor, 'exit');
    expect(status).toMatchObject({ kind: 'exited', exitCode: 137, signal: 'SIGKILL', oomKilled });
  } finally {
    rmSync(state, { recursive: true });
  }
});
