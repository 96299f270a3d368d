import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import type { CgroupHost } from './detect.ts';

/**
 * Lets children of the v2 base have our controllers. A cgroup that holds processes may not do that (unless it is the
 * real root), so when we were started inside a leaf (a systemd service, a Docker container) everybody in it moves into a
 * child of it first; what limits the leaf goes on limiting them.
 */
export function enableControllers(host: CgroupHost, wanted: readonly string[]): Result<void, RuntimeFailure> {
  if (host.v2 === undefined) return ok(undefined);
  const { base, controllers } = host.v2;
  const possible = wanted.filter((name) => controllers.includes(name));
  // To read the file is to wait for whoever makes a cgroup meanwhile.
  if (possible.length === 0) return ok(undefined);
  const file = `${base}/cgroup.subtree_control`;
  const enabled = readFileSync(file, 'utf8').split(/\s+/);
  for (const name of possible.filter((name) => !enabled.includes(name))) {
    try {
      enable(file, name, base);
    } catch (cause) {
      const message = `cannot use the ${name} cgroup controller: ${(cause as Error).message}`;
      return err({
        code: 'host-feature-missing',
        message,
        notes: ['run in a cgroup of its own (systemd: Delegate=yes)'],
      });
    }
  }
  return ok(undefined);
}

function enable(file: string, name: string, base: string): void {
  try {
    writeFileSync(file, `+${name}`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause;
    evacuate(base);
    writeFileSync(file, `+${name}`);
  }
}

/** Processes that fork meanwhile leave children behind, hence more than one round. */
function evacuate(base: string): void {
  const refuge = `${base}/tscompose-outside`;
  mkdirSync(refuge, { recursive: true });
  for (let round = 0; round < 10; round++) {
    const pids = readFileSync(`${base}/cgroup.procs`, 'utf8')
      .split('\n')
      .filter((pid) => pid !== '' && pid !== '0');
    if (pids.length === 0) return;
    for (const pid of pids) move(pid, refuge);
  }
}

function move(pid: string, to: string): void {
  try {
    writeFileSync(`${to}/cgroup.procs`, pid);
  } catch (cause) {
    // ESRCH: it has ended meanwhile. EINVAL: a kernel thread, which stays.
    if (!['ESRCH', 'EINVAL'].includes((cause as NodeJS.ErrnoException).code ?? '')) throw cause;
  }
}
