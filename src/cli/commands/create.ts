import { change } from '../change.ts';
import { prepare, warnOfOrphans } from '../converging.ts';
import { exitCode } from '../exit-code.ts';
import { noteImages } from '../images.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { sayIdle } from '../say.ts';
import { readScales } from '../scales.ts';
import { loadToStart } from '../stack.ts';
import type { Runner } from './runner.ts';

export const create: Runner<'create'> = async ({ flags, args }, context) => {
  const scales = readScales(context, flags.scale);
  if (!scales.ok) return scales.error;
  const prepared = await prepare(context, {
    flags,
    names: args,
    start: false,
    scales: scales.value,
    load: loadToStart,
  });
  if (!prepared.ok) return prepared.error;
  noteImages(context, flags);
  const { project, desired, plan } = prepared.value;
  const interrupts = catchInterrupts(2);
  const { files } = project;
  const work = { title: 'create', project: project.name, files, plan, desired, signal: interrupts.first };
  const changed = await change(context, openRuntime(context), work);
  warnOfOrphans(context, prepared.value, changed.observed);
  if (!changed.worked) sayIdle(context, `project ${project.name} is up to date`);
  return changed.exitCode === exitCode.interrupted ? interrupts.exitCode() : changed.exitCode;
};
