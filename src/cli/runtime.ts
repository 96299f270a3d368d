import { fingerprintVersion } from '../project/fingerprint.ts';
import { createLinuxRuntime } from '../runtime/linux/linux-runtime.ts';
import type { SupervisorCommand } from '../runtime/linux/options.ts';
import type { Standby } from '../runtime/linux/standby.ts';
import type { Context } from './context.ts';

/** The machine as this command sees it. */
export const openRuntime = ({ environment }: Pick<Context, 'environment'>, standby?: Standby) =>
  createLinuxRuntime({
    environment,
    fingerprintVersion,
    supervisor: supervisorCommand(environment),
    ...(standby !== undefined && { standby }),
  });

/** Variables that say where things lie; a supervisor lives longer than the shell that made its project. */
const handedOn = ['TSCOMPOSE_ROOT', 'TSCOMPOSE_SHIM', 'XDG_CACHE_HOME', 'HOME', 'PATH'];

/**
 * A process that sleeps most of its life needs no room for a flood of young objects, and no code that was compiled for speed:
 * this saves a third of its memory. With any flag of V8 Node cannot use the compiled code that it brings along, and takes
 * 8 ms longer to start. Set later, when it is up, the first of them crashes Node 22.
 */
const thrifty = ['--lite-mode', '--max-semi-space-size=1', ...withoutWarning()];

/** Where V8 would warn at every start that this goes with the first; where it would not, there is no such flag. */
function withoutWarning(): readonly string[] {
  const [major = ''] = process.versions.node.split('.');
  return ['20', '22'].includes(major) ? ['--no-expose-wasm'] : [];
}

/** This very program, as what looks after a project when nobody else does. */
export function supervisorCommand(environment: Context['environment']): SupervisorCommand {
  const variables = handedOn.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  const program = process.argv[1] ?? '';
  return {
    argv: [process.execPath, program, 'supervise'],
    residentArgv: [process.execPath, ...thrifty, program, 'supervise'],
    environment: Object.fromEntries(variables),
  };
}
