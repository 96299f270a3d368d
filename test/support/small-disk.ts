import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import type { Rig } from './scenario.ts';

export type SmallDisk = {
  readonly path: string;
  /** Takes all the space that is left; what is returned gives it back. */
  readonly fill: () => () => void;
  readonly remount: (option: 'ro' | 'rw') => void;
};

/** Our state, layers and logs on a file system of their own, with these options of tmpfs: `size=4m`, `nr_inodes=2000`. */
export async function onSmallDisk(rig: Rig, options: string, body: (disk: SmallDisk) => Promise<void>): Promise<void> {
  const path = rig.path('disk');
  mkdirSync(path);
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  rig.environment = { TSCOMPOSE_ROOT: path };
  const ballast = join(path, 'ballast');
  const fill = () => {
    const { bavail, bsize } = statfsSync(path);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    } catch (error) {
      // Somebody of ours has written meanwhile: as full as it can be.
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
    }
    return () => rmSync(ballast);
  };
  const remount = (option: 'ro' | 'rw') => void execFileSync('mount', ['-o', `remount,${option}`, path]);
  try {
    await body({ path, fill, remount });
  } finally {
    remount('rw');
    await rig.cli(['down', '-v']);
    rig.environment = {};
    // A supervisor hears of the end of its project and leaves in its own time.
    await eventually(() => execFileSync('umount', [path], { stdio: 'pipe' }));
  }
}
