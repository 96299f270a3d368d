import { totalmem } from 'node:os';
import type { ObservedContainer } from '../../model/state.ts';
import type { Usage } from '../../runtime/linux/usage/usage.ts';
import { bytesText, percentText } from '../../util/quantity.ts';

/** One container and what it uses now; of what is a rate, over the time since the reading before. */
export type Measured = {
  readonly container: ObservedContainer;
  readonly usage?: Usage;
  /** Of one processor: 200 is two of them. */
  readonly cpuPercent?: number;
  /** Share of the periods of its processor limit in which it was held back. */
  readonly throttledPercent?: number;
};

export function measured(container: ObservedContainer, usage: Usage | undefined, before: Usage | undefined): Measured {
  if (usage === undefined) return { container };
  const spanUs = before === undefined ? 0 : (usage.atMs - before.atMs) * 1000;
  if (before === undefined || spanUs <= 0) return { container, usage };
  const cpu = difference(usage.cpuUs, before.cpuUs);
  const periods = difference(usage.throttled?.of, before.throttled?.of);
  const held = difference(usage.throttled?.periods, before.throttled?.periods);
  return {
    container,
    usage,
    ...(cpu !== undefined && { cpuPercent: (100 * cpu) / spanUs }),
    ...(periods !== undefined &&
      held !== undefined && { throttledPercent: periods === 0 ? 0 : (100 * held) / periods }),
  };
}

const difference = (now: number | undefined, before: number | undefined): number | undefined =>
  now === undefined || before === undefined ? undefined : Math.max(0, now - before);

const absent = '--';
const orAbsent = <T>(value: T | undefined, text: (value: T) => string): string =>
  value === undefined ? absent : text(value);

/** Without a limit of its own a container can have all that the machine has. */
const limitOf = ({ usage }: Measured): number =>
  Math.min(usage?.memoryLimitBytes ?? Number.POSITIVE_INFINITY, totalmem());

const memoryPercent = (row: Measured): number | undefined =>
  row.usage?.memoryBytes === undefined ? undefined : (100 * row.usage.memoryBytes) / limitOf(row);

const both = (pair: { readonly in: number; readonly out: number }): string =>
  `${bytesText(pair.in)} / ${bytesText(pair.out)}`;

/** The fields of `docker stats --format`, in its order. */
export const statsFields: { readonly [name: string]: (row: Measured) => string } = {
  BlockIO: ({ usage }) => orAbsent(usage?.disk, both),
  CPUPerc: ({ cpuPercent }) => orAbsent(cpuPercent, percentText),
  Container: ({ container }) => container.name,
  ID: ({ container }) => container.name,
  MemPerc: (row) => orAbsent(memoryPercent(row), percentText),
  MemUsage: (row) => orAbsent(row.usage?.memoryBytes, (bytes) => `${bytesText(bytes)} / ${bytesText(limitOf(row))}`),
  Name: ({ container }) => container.name,
  NetIO: ({ usage }) => orAbsent(usage?.network, both),
  PIDs: ({ usage }) => orAbsent(usage?.pids, String),
};

export type Column = { readonly title: string; readonly text: (row: Measured) => string };

const field = (name: string): Column['text'] => statsFields[name] as Column['text'];

const always: readonly Column[] = [
  { title: 'CPU %', text: field('CPUPerc') },
  { title: 'MEM USAGE / LIMIT', text: field('MemUsage') },
  { title: 'MEM %', text: field('MemPerc') },
  { title: 'PIDS', text: field('PIDs') },
  { title: 'NET I/O', text: field('NetIO') },
  { title: 'BLOCK I/O', text: field('BlockIO') },
];

/** Only where somebody has a limit, or the kernel measures pressure, is there something to show. */
const sometimes: readonly (Column & { readonly isThere: (row: Measured) => boolean })[] = [
  {
    title: 'THROTTLED',
    text: ({ throttledPercent }) => orAbsent(throttledPercent, percentText),
    isThere: ({ usage }) => (usage?.throttled?.of ?? 0) > 0,
  },
  {
    title: 'WAITS CPU/MEM/IO',
    text: ({ usage }) =>
      orAbsent(usage?.pressure, ({ cpu, memory, io }) =>
        [cpu, memory, io].map((value) => orAbsent(value, (percent) => `${percent.toFixed(1)}%`)).join(' '),
      ),
    isThere: ({ usage }) => usage?.pressure !== undefined,
  },
];

/** Names without the project, which is the same for all: terminals are narrow. */
export function statsColumns(rows: readonly Measured[], project: string): readonly Column[] {
  const name: Column = {
    title: 'NAME',
    text: ({ container }) =>
      container.name.startsWith(`${project}-`) ? container.name.slice(project.length + 1) : container.name,
  };
  return [name, ...always, ...sometimes.filter(({ isThere }) => rows.some(isThere))];
}

/** Stable names; new ones may be added. What nobody counts here is left out. */
export function statsJson({ container, usage, cpuPercent, throttledPercent }: Measured): object {
  const { name, service } = container;
  if (usage === undefined) return { container: name, service };
  const { atMs: _, container: _name, ...figures } = usage;
  return {
    container: name,
    service,
    ...(cpuPercent !== undefined && { cpuPercent }),
    ...(throttledPercent !== undefined && { throttledPercent }),
    ...figures,
  };
}
