import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import { encodeFrame } from '../../src/runtime/linux/frame.ts';
import { frameKind } from '../../src/runtime/linux/protocol.ts';
import { eventually } from '../support/eventually.ts';
import { Rig } from './rig.ts';
import { isRoot, Launcher, phases } from './wire.ts';

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

  test('network namespaces are made ahead while nothing else is to be done, one for each container', async () => {
    const launcher = new Launcher(rig.shim);
    const namespaces = (pid: number | undefined) =>
      readdirSync(`/proc/${pid}/fd`)
        .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))
        .filter((link) => link.startsWith('net:'));
    const home = readlinkSync('/proc/self/ns/net');
    const made = () => namespaces(launcher.child.pid).filter((link) => link !== home);
    launcher.send(encodeFrame(frameKind.NETNS, 2, []));
    await eventually(() => expect(made()).toHaveLength(2));
    expect(readlinkSync(`/proc/${launcher.child.pid}/ns/net`)).toBe(home);
    const ahead = new Set(made());
    const containers = Array.from({ length: 3 }, () => rig.container({ argv: ['true'] }));
    const seen: string[] = [];
    for (const container of containers) {
      launcher.send(container.frame());
      const { pid } = await launcher.next([3]);
      seen.push(readlinkSync(`/proc/${pid}/ns/net`));
      // What is made for one is nobody else's, and nothing but the host's is kept open beside it.
      expect(namespaces(pid)).toEqual([home]);
    }
    expect(new Set([...seen, home]).size).toBe(4);
    expect(ahead).toEqual(new Set(seen.slice(0, 2)));
    expect(made()).toEqual([]);
    await launcher.leave();
    for (const container of containers) await container.remove();
  });
});
