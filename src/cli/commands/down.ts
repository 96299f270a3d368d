import type { Millis } from '../../model/units.ts';
import { planDown } from '../../plan/down.ts';
import { desiredState } from '../../project/desired.ts';
import { change } from '../change.ts';
import { exitCode } from '../exit-code.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { knownServices } from '../services.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './index.ts';

export const down: Runner<'down'> = async ({ flags, args }, context) => {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const runtime = openRuntime(context);
  const services = knownServices(context, args, { project, observed: await runtime.observe(name) });
  if (!services.ok) return services.error;

  const interrupts = catchInterrupts(2);
  const desired = project && desiredState(project);
  const options = {
    desired,
    services: services.value,
    volumes: flags.volumes,
    removeOrphans: flags['remove-orphans'],
    ...(flags.timeout !== undefined && { graceMs: (flags.timeout * 1000) as Millis }),
  };
  const changed = await change(context, runtime, {
    title: 'down',
    project: name,
    plan: (observed) => planDown(observed, options),
    onFailure: 'continue',
    signal: interrupts.first,
    ...(desired && { desired }),
  });
  if (!changed.worked && !context.globals.json) context.stderr.write(`nothing to remove for project ${name}\n`);
  return changed.exitCode === exitCode.interrupted ? interrupts.exitCode() : changed.exitCode;
};
