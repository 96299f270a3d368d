// Where /run is a disk, as inside of many containers, a bench gets a tmpfs there, as every distribution has it: otherwise it
// measures how long that disk takes to make files, and nobody else's times contain that.
import { spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';

const TMPFS_MAGIC = 0x01021994;

/** Goes on in a mount namespace of its own when it has to; to be called before anything else. */
export function withTmpfsRun() {
  if (statfsSync('/run').type === TMPFS_MAGIC || process.env.TSCOMPOSE_BENCH_RUN) return;
  console.log('/run is on a disk here: this bench has a tmpfs there, in a mount namespace of its own');
  const script = 'mount -t tmpfs -o mode=755 tmpfs /run && exec "$@"';
  const { status } = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', script, 'sh', process.execPath, ...process.argv.slice(1)],
    {
      stdio: 'inherit',
      env: { ...process.env, TSCOMPOSE_BENCH_RUN: 'tmpfs' },
    },
  );
  process.exit(status ?? 1);
}
