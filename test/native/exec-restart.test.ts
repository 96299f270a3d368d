import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import type { SetupProgram } from '../../src/runtime/linux/frame.ts';
import { later } from '../support/later.ts';
import { Rig } from './rig.ts';
import { CLONE, type ExecResult, execIn, isRoot, op, phases, SIGKILL, until } from './wire.ts';

const possible = isRoot && existsSync('/bin/busybox');
if (!possible) console.log('skipped: native exec tests need root and /bin/busybox (package busybox-static)');

/** Its processes are among those of the host: no end of a namespace takes them along. */
const withPidsOfHost = (program: SetupProgram): SetupProgram =>
  program.map((part) => ({
    ...part,
    ops: part.ops.map((each) =>
      each.kind === 'NAMESPACES' ? op('NAMESPACES', [CLONE.NEWNS | CLONE.NEWUTS | CLONE.NEWIPC]) : each,
    ),
  }));

/** Where it ran; or that it was refused, or was ended with the life it had come into. */
function becameOf({ code, stdout, reports }: ExecResult): string {
  if (code === 0) return stdout.trim();
  const refusal = reports.at(-1)?.error;
  if (code === 125) return refusal === constants.errno.ESRCH ? 'refused: it has ended' : `refused: ${refusal}`;
  return code === 128 + SIGKILL ? 'killed' : `code ${code}`;
}

describe.skipIf(!possible)('exec into a container that is restarted all the time', () => {
  let rig: Rig;
  beforeAll(() => {
    rig = new Rig(buildNative());
  });
  afterAll(() => rig.close());

  test.each([
    { whose: 'its own', change: (program: SetupProgram) => program },
    { whose: 'the host', change: withPidsOfHost },
  ])('runs in the life it was meant for or not at all, with pids of $whose', async ({ change }) => {
    const container = rig.container({ argv: ['sleep', '1000'] });
    await container.hold('CONTAINER', change(container.program()));
    const control = await container.control();
    const looks: Promise<{ home: string; became: string }>[] = [];
    const stays: Promise<string>[] = [];
    for (let life = 1; life <= 40; life++) {
      const { state } = await control.ask('START');
      expect(state).toMatchObject({ phase: phases.running, starts: life });
      const home = readlinkSync(`/proc/${state.initPid}/ns/mnt`);
      const enter = (argv: string[]) =>
        later(execIn(rig.shim, state, { argv, cgroup: container.cgroup }).then(becameOf));
      looks.push(later(enter(['readlink', '/proc/self/ns/mnt']).then((became) => ({ home, became }))));
      stays.push(enter(['sleep', '1000']));
      // From before they have started to when they run. The next life begins at once, whatever they are at.
      await new Promise((done) => setTimeout(done, life % 10));
      await control.ask('KILL', SIGKILL);
      await control.ask('WAIT');
    }
    for (const { home, became } of await Promise.all(looks))
      expect([home, 'refused: it has ended', 'killed']).toContain(became);
    for (const became of await Promise.all(stays)) expect(['refused: it has ended', 'killed']).toContain(became);
    await until(() => readFileSync(`${container.cgroup}/cgroup.procs`, 'utf8') === '');
    control.close();
  });
});
