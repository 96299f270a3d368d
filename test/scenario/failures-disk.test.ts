import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { ContainerName, ProjectName } from '../../src/model/units.ts';
import { containerPaths, hostPaths, projectPaths } from '../../src/runtime/linux/paths.ts';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { killed, killOurs, processesOf } from '../support/leaks.ts';
import { type Rig, type Run, scenario } from '../support/scenario.ts';
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

describe('a writable layer that a crash has left half-made', () => {
  const layersOf = (rig: Rig) =>
    containerPaths(projectPaths(hostPaths({}), rig.project as ProjectName), `${rig.project}-web-1` as ContainerName);

  /** What the next `up` says. */
  const afterCrash = async (rig: Rig, damage: (layers: ReturnType<typeof layersOf>) => void): Promise<Run> => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await (await rig.next('web')).do(`write /before ${hex('kept')}`);
    const { pid } = await running(rig, 'web');
    killOurs(rig.project);
    killed(pid);
    await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    damage(layersOf(rig));
    return rig.cli(['up', '-d']);
  };

  scenario('with remains of overlay in its work directory is mounted again, with what was written', [], async (rig) => {
    await afterCrash(rig, ({ work }) => {
      expect(readdirSync(work)).toContain('work');
      writeFileSync(join(work, 'work/#1a'), 'a copy that was not finished');
      mkdirSync(join(work, 'index'));
    });
    expect(await (await rig.next('web')).say('read /before')).toBe(hex('kept'));
  });

  scenario('that the kernel refuses is told, with the way to a new one', [], async (rig) => {
    const up = await afterCrash(rig, ({ work }) => {
      // What a mount leaves that is allowed to lose data in a crash.
      mkdirSync(join(work, 'work/incompat/volatile'), { recursive: true });
    });
    expect([up.code, up.stderr]).toEqual([1, expect.stringContaining('tscompose up --force-recreate')]);
    await rig.ok(['up', '-d', '--force-recreate']);
    await rig.next('web');
  });

  scenario('without its work directory is mounted again, with what was written', [], async (rig) => {
    await afterCrash(rig, ({ work }) => rmSync(work, { recursive: true }));
    expect(await (await rig.next('web')).say('read /before')).toBe(hex('kept'));
  });

  scenario('without any directory is an empty one', [], async (rig) => {
    await afterCrash(rig, ({ upper, work }) => {
      rmSync(upper, { recursive: true });
      rmSync(work, { recursive: true });
    });
    expect(await (await rig.next('web')).say('read /before')).toBe('No such file or directory');
  });
});
