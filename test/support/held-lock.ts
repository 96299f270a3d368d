import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { beside, end } from './child.ts';

/** Takes a lock as a command or a supervisor does, so that nobody else can be one; what is returned gives it back. */
export async function holdLock(path: string): Promise<() => Promise<void>> {
  const holder = beside(spawn('flock', ['--no-fork', path, 'sh', '-c', 'echo held; exec sleep 1000']));
  await once(holder.stdout, 'data');
  return () => end(holder);
}

/** The lock that makes a process the supervisor of a project. */
export const supervisorLock = (project: string): string => `/run/tscompose/${project}.supervisor.lock`;
