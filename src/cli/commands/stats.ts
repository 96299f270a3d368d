import type { ObservedContainer } from '../../model/state.ts';
import { Meter } from '../../runtime/linux/usage/meter.ts';
import type { Usage } from '../../runtime/linux/usage/usage.ts';
import { chosenContainers, isUp } from '../chosen.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { catchInterrupts } from '../interrupt.ts';
import { redrawn } from '../render/redraw.ts';
import { renderTable } from '../render/table.ts';
import { type Measured, measured, statsColumns, statsFields, statsJson } from '../render/usage.ts';
import { printTemplate, type RowFormat, readFormat } from '../rows.ts';
import { openRuntime } from '../runtime.ts';
import type { Runner } from './runner.ts';

/** Between two readings; processor time is a difference, so the first figures need one such span. */
const everyMs = 1000;
const lookEvery = 3;

export const stats: Runner<'stats'> = async ({ flags, args, globals }, context) => {
  const format = readFormat(context, flags.format, Object.keys(statsFields));
  if (!format.ok) return format.error;
  const chosen = await chosenContainers(context, args);
  if (!chosen.ok) return chosen.error;
  const { project, services } = chosen.value;
  const interrupts = catchInterrupts(2);
  const meter = new Meter(project, context.environment);
  const show = printer(context, {
    project,
    format: globals.json ? { kind: 'json' } : format.value,
    once: flags['no-stream'],
  });
  const runtime = openRuntime(context);
  const isWanted = (container: ObservedContainer) =>
    (services.length === 0 || services.includes(container.service)) && (flags.all || isUp(container));
  const before = new Map<string, Usage>();
  let containers: readonly ObservedContainer[] = [];
  const read = async (round: number): Promise<readonly Measured[]> => {
    // Whoever has come or gone shows a little later; to look each time would cost as much as all the counters.
    if (round % lookEvery === 0) {
      containers = (await runtime.observe(project)).containers.filter(isWanted).sort(byName);
    }
    return containers.map((container) => {
      const now = meter.read(container.name);
      const row = measured(container, now, before.get(container.name));
      if (now !== undefined) before.set(container.name, now);
      return row;
    });
  };
  try {
    await read(0);
    for (let round = 1; !interrupts.first.aborted; round++) {
      if (containers.length > 0 || !flags['no-stream']) await pause(everyMs, interrupts.first);
      show(await read(round));
      if (flags['no-stream']) break;
    }
  } finally {
    meter.close();
  }
  return exitCode.ok;
};

const byName = (a: ObservedContainer, b: ObservedContainer): number => (a.name < b.name ? -1 : 1);

type How = { readonly project: string; readonly format: RowFormat; readonly once: boolean };

function printer(context: Context, { project, format, once }: How): (rows: readonly Measured[]) => void {
  const { stdout, paint } = context;
  if (format.kind === 'json') {
    return (rows) => stdout.write(rows.map((row) => `${JSON.stringify(statsJson(row))}\n`).join(''));
  }
  if (format.kind === 'template') {
    const { template } = format;
    const cells = Object.entries(statsFields);
    return (rows) =>
      printTemplate(
        context,
        template,
        rows.map((row) => Object.fromEntries(cells.map(([name, text]) => [name, text(row)]))),
      );
  }
  const table = (rows: readonly Measured[]) => {
    const columns = statsColumns(rows, project);
    const width = stdout.isTty ? stdout.columns() : Number.POSITIVE_INFINITY;
    return renderTable(
      columns.map(({ title }) => title),
      rows.map((row) => columns.map(({ text }) => text(row))),
      { paint, width },
    );
  };
  const draw = once ? stdout.write : redrawn(stdout);
  return (rows) => draw(table(rows));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
