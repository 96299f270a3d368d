import { change } from '../change.ts';
import { prepare, warnOfOrphans } from '../converging.ts';
import { exitCode } from '../exit-code.ts';
import { attach } from '../foreground.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { readScales } from '../scales.ts';
import { printPlan } from './plan.ts';
import type { Runner } from './runner.ts';

export const up: Runner<'up'> = async ({ flags, args }, context) => {
  const scales = readScales(context, flags.scale);
  if (!scales.ok) return scales.error;
  const wish = { flags, names: args, scales: scales.value, ...(flags['no-start'] && { start: false as const }) };
  const prepared = await prepare(context, wish);
  if (!prepared.ok) return prepared.error;
  const { project, desired, services, plan } = prepared.value;
  if (flags['dry-run']) {
    await printPlan(context, prepared.value);
    return exitCode.ok;
  }

  const sinceMs = Date.now();
  const runtime = openRuntime(context);
  const interrupts = catchInterrupts(flags.detach ? 2 : 3);
  const signal = interrupts.first;
  const changed = await change(context, runtime, { title: 'up', project: project.name, plan, desired, signal });
  warnOfOrphans(context, prepared.value, changed.observed);
  if (flags.detach || flags['no-start'] || (changed.exitCode !== exitCode.ok && !interrupts.first.aborted)) {
    if (!changed.worked) context.stderr.write(`project ${project.name} is up to date\n`);
    return changed.exitCode === exitCode.interrupted ? interrupts.exitCode() : changed.exitCode;
  }
  context.ran('up+attach');
  return attach(context, {
    runtime,
    project,
    services,
    interrupts,
    sinceMs,
    timestamps: flags.timestamps,
    prefix: !flags['no-log-prefix'],
  });
};
