import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative, warnings } from '../../scripts/build-native.mjs';
import { encodeFrame } from '../../src/runtime/linux/frame.ts';
import { abi, frameKind } from '../../src/runtime/linux/protocol.ts';
import { missing, promised } from '../support/capabilities.ts';
import { Rig, sampleProgram } from './rig.ts';
import { phases } from './wire.ts';

const reasons = missing(['root', 'arm64']);
const here = reasons.length === 0;
const root = join(import.meta.dirname, '../..');
const cc = 'aarch64-linux-gnu-gcc';
const emulator = 'qemu-aarch64';

/** What an emulator of single programs can do: everything but namespaces, which it does not hand on to the kernel. */
describe.skipIf(!here && !promised(['arm64']))(
  `the native programs for arm64${here ? '' : ` (skipped: ${reasons.join(', ')})`}`,
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'tsc-arm64-'));
    let shim = '';
    beforeAll(() => {
      shim = buildNative({ outDir: join(dir, 'native'), cc });
    });
    afterAll(() => rmSync(dir, { recursive: true, force: true }));

    /** A C program with libc around the pure parts of the shim. */
    const hosted = (name: string): string => {
      const sources = ['frame', 'state', 'text'].map((part) => join(root, `native/src/${part}.c`));
      const output = join(dir, name);
      const source = join(root, `test/native/c/${name}.c`);
      execFileSync(cc, [...warnings, '-O1', '-static', source, ...sources, '-o', output], { stdio: 'inherit' });
      return output;
    };

    test('are static programs of that machine, and start', () => {
      for (const program of [shim, join(dirname(shim), 'tsc-net')]) {
        const elf = readFileSync(program);
        expect([elf.toString('latin1', 1, 4), elf[4], elf.readUInt16LE(18)]).toEqual(['ELF', 2, 183]);
        // PT_INTERP would name a dynamic linker.
        const headers = Array.from({ length: elf.readUInt16LE(56) }, (_, i) => elf.readUInt32LE(64 + 56 * i));
        expect(headers).not.toContain(3);
        expect(execFileSync(emulator, [program, 'version'], { encoding: 'utf8' })).toMatch(/^\d+\n$/);
      }
      expect(execFileSync(emulator, [shim, 'version'], { encoding: 'utf8' })).toBe(`${abi}\n`);
      expect(spawnSync(emulator, [shim, 'nonsense'], { encoding: 'utf8' })).toMatchObject({ status: 125 });
    });

    test('the pure parts of the shim do as on any machine', () => {
      expect(execFileSync(emulator, [hosted('unit')], { encoding: 'utf8' })).toBe('ok\n');
      const frame = join(dir, 'frame');
      writeFileSync(frame, encodeFrame(frameKind.CONTAINER, 1, sampleProgram()));
      const fuzz = spawnSync(emulator, [hosted('fuzz'), '5000', '1', frame], { encoding: 'utf8' });
      expect([fuzz.status, fuzz.stderr]).toEqual([0, '']);
      expect(Number(/(\d+) decoded/.exec(fuzz.stdout)?.[1])).toBeGreaterThan(100);
    });

    test('the launcher forks a monitor, which holds its container, answers and goes', async () => {
      const sealed = join(dir, 'sealed');
      execFileSync('cc', ['-O1', '-Wall', '-o', sealed, join(root, 'test/native/c/sealed.c')], { stdio: 'inherit' });
      const launcher = join(dir, 'launcher');
      writeFileSync(launcher, `#!/bin/sh\nexec ${sealed} ${emulator} ${shim} "$@"\n`);
      chmodSync(launcher, 0o755);
      const rig = new Rig(launcher);
      try {
        const container = rig.container({ argv: ['true'] });
        const held = await container.hold();
        expect(held.pid).toBeGreaterThan(0);
        const control = await container.control();
        const { state } = await control.ask('STATUS');
        expect(state).toMatchObject({ phase: phases.held, monitorPid: held.pid, initPid: 0 });
        expect((await control.ask('KILL', 9)).error).toBe(3);
        await control.ask('QUIT');
        control.close();
      } finally {
        await rig.close();
      }
    });
  },
);
