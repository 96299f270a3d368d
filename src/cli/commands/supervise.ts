import { once } from 'node:events';
import type { ProjectName } from '../../model/units.ts';
import { startSupervisor } from '../../runtime/linux/supervisor-lock.ts';
import { exitCode } from '../exit-code.ts';
import { openRuntime, supervisorCommand } from '../runtime.ts';
import type { Runner } from './runner.ts';

/** What `tsc-shim supervise` ends with when somebody else has the lock. */
const alreadySupervised = 75;

/** Without the lock; what has it is the program of `resident.ts`. */
export const supervise: Runner<'supervise'> = async ({ args }, context) => {
  const { environment } = context;
  const project = (args[0] ?? '') as ProjectName;
  if ((await openRuntime(context).observe(project)).containers.length === 0) {
    context.stderr.write(`project ${project} has no containers\n`);
    return exitCode.ok;
  }
  const child = startSupervisor(project, supervisorCommand(environment), { host: environment, detached: false });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === alreadySupervised) context.stderr.write(`project ${project} has a supervisor already\n`);
  return code === alreadySupervised ? exitCode.ok : (code ?? exitCode.failed);
};
