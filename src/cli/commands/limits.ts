import { Meter } from '../../runtime/linux/usage/meter.ts';
import { chosenContainers, isUp } from '../chosen.ts';
import { exitCode } from '../exit-code.ts';
import { limitRows } from '../render/limits.ts';
import { measured } from '../render/usage.ts';
import { printTable } from '../rows.ts';
import type { Runner } from './runner.ts';

const titles = ['CONTAINER', 'LIMIT', 'REQUESTED', 'APPLIED', 'USED', 'PEAK'];
/** Processor time is used over a span. */
const spanMs = 250;

export const limits: Runner<'limits'> = async ({ args, globals }, context) => {
  const chosen = await chosenContainers(context, args);
  if (!chosen.ok) return chosen.error;
  const { project, containers } = chosen.value;
  const running = containers.filter(isUp);
  const meter = new Meter(project, context.environment);
  const before = running.map(({ name }) => meter.read(name));
  if (running.length > 0) await new Promise((resolve) => setTimeout(resolve, spanMs));
  const rows = running.flatMap((container, i) => limitRows(measured(container, meter.read(container.name), before[i])));
  meter.close();
  if (globals.json) {
    const lines = rows.map(({ cells: _, ...row }) => JSON.stringify(row));
    context.stdout.write(lines.map((line) => `${line}\n`).join(''));
  } else {
    printTable(
      context,
      titles,
      rows.map(({ container, limit, cells }) => [container, limit, ...cells]),
    );
  }
  return exitCode.ok;
};
