import { exitCode } from '../exit-code.ts';
import { printLogs } from '../follow.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { knownServices } from '../services.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './runner.ts';

export const logs: Runner<'logs'> = async ({ flags, args, globals }, context) => {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const observed = await openRuntime(context).observe(name);
  const services = knownServices(context, args, { project, observed });
  if (!services.ok) return services.error;

  const containers = observed.containers
    .filter(({ service }) => args.length === 0 || services.value.includes(service))
    .map((container) => container.name)
    .sort();
  if (containers.length === 0) {
    context.stderr.write(`project ${name} has no containers\n`);
    return exitCode.ok;
  }
  const interrupts = catchInterrupts(2);
  await printLogs(context, {
    project: name,
    containers,
    timestamps: flags.timestamps,
    prefix: !flags['no-log-prefix'],
    json: globals.json,
    follow: flags.follow,
    signal: interrupts.first,
    ...(typeof flags.tail === 'number' && { tail: flags.tail }),
  });
  return interrupts.first.aborted && !flags.follow ? interrupts.exitCode() : exitCode.ok;
};
