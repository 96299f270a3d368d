import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import { Rig } from './rig.ts';
import { isRoot, phases } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native container tests need root and /bin/busybox (package busybox-static)');

describe.skipIf(!possible)('a container run by the shim', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(() => rig.close());

  test('runs a command in its own root, with its output in the log and its exit code on record', async () => {
    const container = rig.container({ argv: ['sh', '-c', 'echo out; echo err >&2; hostname; echo $$; exit 7'] });
    const { started, state, output } = await container.run();
    expect([started.failKind, started.failError, started.failText]).toEqual([0, 0, '']);
    expect(state).toMatchObject({ phase: phases.exited, exitKnown: true, status: 7 << 8, starts: 1, initPid: 0 });
    expect(output.split('\n').sort()).toEqual(['', '2', 'err', 'guest', 'out']);
    expect(existsSync(join(container.state, 'ctl.sock'))).toBe(true);
    await container.remove();
    expect(existsSync(join(container.state, 'ctl.sock'))).toBe(false);
    expect(existsSync(container.cgroup)).toBe(false);
  });
});
