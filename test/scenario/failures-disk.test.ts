import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { over } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { scenario } from '../support/scenario.ts';
import { onSmallDisk } from '../support/small-disk.ts';

/** Takes every inode of the disk; what is returned gives them back. */
function useUpInodes(path: string): () => void {
  const ballast = join(path, 'ballast');
  mkdirSync(ballast);
  for (let left = statfsSync(path).ffree; left > 0; left--) writeFileSync(join(ballast, `${left}`), '');
  return () => rmSync(ballast, { recursive: true });
}

const hex = (text: string): string => Buffer.from(text).toString('hex');

describe('a read-only disk under our state', () => {
  scenario('fails an up with its reason, and the next one completes it', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    await onSmallDisk(rig, 'size=8m', async ({ remount }) => {
      remount('ro');
      const up = await rig.cli(['up', '-d']);
      expect([up.code, up.stderr]).toEqual([1, expect.stringMatching(/read-only/)]);
      expect(up.stderr).not.toContain('Please report');
      remount('rw');
      await rig.ok(['up', '-d']);
      await rig.next('web');
      await rig.ok(['down']);
      // Its directories are there now, which is another way to fail.
      await eventually(() => remount('ro'));
      const again = await rig.cli(['up', '-d']);
      expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/read-only/)]);
      expect(again.stderr).not.toContain('Please report');
    });
  });
});

describe('a disk without inodes under our state', () => {
  scenario('fails an up with its reason, and the next one completes it', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    await onSmallDisk(rig, 'size=8m,nr_inodes=500', async ({ path }) => {
      const giveBack = useUpInodes(path);
      const up = await rig.cli(['up', '-d']);
      expect([up.code, up.stderr]).toEqual([1, expect.stringMatching(/no space left/)]);
      expect(up.stderr).not.toContain('Please report');
      giveBack();
      await rig.ok(['up', '-d']);
      await rig.next('web');
    });
  });

  scenario('loses no end of a container, and keeps down from nothing', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), other: rig.puppet('other') });
    await rig.hold();
    await onSmallDisk(rig, 'size=8m,nr_inodes=500', async ({ path }) => {
      await rig.ok(['up', '-d']);
      const web = await rig.next('web');
      useUpInodes(path);
      web.tell('exit 9');
      expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 9 });
      await rig.ok(['down']);
      await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    });
  });
});

describe('a container that fills the disk its own layer is on', () => {
  scenario('is refused more, goes on, and is stopped, started and removed as ever', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    await onSmallDisk(rig, 'size=8m', async ({ fill }) => {
      await rig.ok(['up', '-d']);
      const first = await rig.next('web');
      await first.do(`write /before ${hex('kept')}`);
      fill();
      expect(await first.say(`write /large ${hex('x'.repeat(65536))}`)).toBe('No space left on device');
      expect(await first.say('read /before')).toBe(hex('kept'));
      first.tell('exit 4');
      expect((await over(rig, 'web')).status).toMatchObject({ exitCode: 4 });
      await rig.ok(['start']);
      const second = await rig.next('web');
      expect(await second.say('read /before')).toBe(hex('kept'));
      await rig.ok(['down']);
      await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    });
  });
});
