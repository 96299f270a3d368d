import type { ObservedContainer } from '../../model/state.ts';
import { execInContainer } from '../../runtime/linux/exec.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import { sayFailure } from '../explain.ts';
import { isTerminal } from '../output.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './runner.ts';

export const exec: Runner<'exec'> = async ({ flags, args }, context) => {
  const [service = '', ...argv] = args;
  const variables = flags.env.map((text) => readVariable(text, context.environment));
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const observed = await openRuntime(context).observe(name);
  const services = knownServices(context, [service], { project, observed });
  if (!services.ok) return services.error;

  const replicas = observed.containers.filter((container) => container.service === service);
  const container = pick(replicas, flags.index);
  if (container === undefined || !isUp(container)) {
    const which = flags.index === undefined ? service : `${service} number ${flags.index}`;
    const message = container === undefined ? `${which} has no container` : `${container.name} is not running`;
    sayError(context, { code: 'not-running', message, hint: `start it with: tscompose up -d ${service}` });
    return exitCode.failed;
  }
  const outcome = await execInContainer(name, container.name, {
    argv,
    environment: Object.fromEntries(variables.flat()),
    tty: !flags['no-tty'] && isTerminal(0) && isTerminal(1),
    host: context.environment,
    ...(flags.user !== undefined && { user: flags.user }),
    ...(flags.workdir !== undefined && { workingDir: flags.workdir }),
  });
  if (outcome.ok) return outcome.value.exitCode;
  sayFailure(context, outcome.error);
  if (outcome.error.code === 'command-not-found') return 127;
  return outcome.error.code === 'command-not-executable' ? 126 : exitCodeOf(outcome.error.code);
};

const isUp = ({ status }: ObservedContainer) => status.kind === 'running';

/** The replica with this number; without one the first that runs. */
function pick(replicas: readonly ObservedContainer[], number: number | undefined): ObservedContainer | undefined {
  if (number !== undefined) return replicas.find((container) => container.number === number);
  const sorted = [...replicas].sort((a, b) => a.number - b.number);
  return sorted.find(isUp) ?? sorted[0];
}

/** `NAME=VALUE`, or `NAME` alone for the value it has here; a name that is not set here gives nothing. */
function readVariable(text: string, environment: { readonly [name: string]: string | undefined }): [string, string][] {
  const at = text.indexOf('=');
  if (at !== -1) return [[text.slice(0, at), text.slice(at + 1)]];
  const value = environment[text];
  return value === undefined ? [] : [[text, value]];
}
