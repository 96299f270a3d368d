import { change } from '../change.ts';
import { prepare, warnOfOrphans } from '../converging.ts';
import { exitCode } from '../exit-code.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { sayIdle } from '../say.ts';
import { readScales } from '../scales.ts';
import { loadToStart } from '../stack.ts';
import type { Runner } from './runner.ts';

export const scale: Runner<'scale'> = async ({ flags, args }, context) => {
  const scales = readScales(context, args);
  if (!scales.ok) return scales.error;
  const names = [...scales.value.keys()];
  const prepared = await prepare(context, { flags, names, scales: scales.value, load: loadToStart });
  if (!prepared.ok) return prepared.error;
  const { project, desired, plan } = prepared.value;
  const interrupts = catchInterrupts(2);
  const work = { title: 'scale', project: project.name, plan, desired, signal: interrupts.first };
  const changed = await change(context, openRuntime(context), work);
  warnOfOrphans(context, prepared.value, changed.observed);
  if (!changed.worked) sayIdle(context, 'nothing to do');
  return changed.exitCode === exitCode.interrupted ? interrupts.exitCode() : changed.exitCode;
};
