import { mustStay } from '../../runtime/linux/become.ts';
import { execInContainer } from '../../runtime/linux/exec.ts';
import { commandExit } from '../command-exit.ts';
import { isTerminal } from '../output.ts';
import { findReplica } from '../replica.ts';
import { readVariables } from '../variables.ts';
import type { Runner } from './runner.ts';

export const exec: Runner<'exec'> = async ({ flags, args }, context) => {
  const [service = '', ...argv] = args;
  const replica = await findReplica(context, { service, index: flags.index, running: true });
  if (!replica.ok) return replica.error;
  const { project, container } = replica.value;
  const outcome = await execInContainer(project, container.name, {
    argv,
    environment: readVariables(flags.env, context.environment),
    tty: !flags['no-tty'] && !flags.detach && isTerminal(0) && isTerminal(1),
    privileged: flags.privileged,
    detach: flags.detach,
    ...(flags.detach || mustStay(context.environment) ? {} : { explainer: ourselves() }),
    host: context.environment,
    ...(flags.user !== undefined && { user: flags.user }),
    ...(flags.workdir !== undefined && { workingDir: flags.workdir }),
  });
  return commandExit(context, outcome);
};

const ourselves = (): string[] => [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
