import { bytesText } from '../../util/quantity.ts';
import type { Measured } from './usage.ts';

/** One limit of one container. Processors as a number, memory in bytes, processes as a count; absent: none, or not counted. */
export type LimitRow = {
  readonly container: string;
  readonly limit: 'cpus' | 'memory' | 'pids';
  /** By the stack file. */
  readonly requested?: number;
  /** What the kernel has in force. */
  readonly applied?: number;
  readonly used?: number;
  /** Since it was created. */
  readonly peak?: number;
  readonly cells: readonly string[];
};

type Figures = Pick<LimitRow, 'requested' | 'applied' | 'used' | 'peak'>;
type Given = { readonly [K in keyof Figures]: number | undefined };

export function limitRows({ container, usage, cpuPercent }: Measured): readonly LimitRow[] {
  const { cpuQuotaUs, cpuPeriodUs = 100_000, memoryBytes, pids } = container.config.resources;
  const figures: readonly (readonly [LimitRow['limit'], (value: number) => string, Given])[] = [
    [
      'cpus',
      (value) => String(Number(value.toFixed(2))),
      {
        requested: cpuQuotaUs === undefined || cpuQuotaUs < 0 ? undefined : cpuQuotaUs / cpuPeriodUs,
        applied: usage?.cpuLimit,
        used: cpuPercent === undefined ? undefined : cpuPercent / 100,
        peak: undefined,
      },
    ],
    [
      'memory',
      bytesText,
      {
        requested: memoryBytes === undefined || memoryBytes < 0 ? undefined : memoryBytes,
        applied: usage?.memoryLimitBytes,
        used: usage?.memoryBytes,
        peak: usage?.memoryPeakBytes,
      },
    ],
    [
      'pids',
      String,
      {
        requested: pids === undefined || pids <= 0 ? undefined : pids,
        applied: usage?.pidsLimit,
        used: usage?.pids,
        peak: usage?.pidsPeak,
      },
    ],
  ];
  return figures.map(([limit, text, { requested, applied, used, peak }]) => ({
    container: container.name,
    limit,
    ...(requested !== undefined && { requested }),
    ...(applied !== undefined && { applied }),
    ...(used !== undefined && { used }),
    ...(peak !== undefined && { peak }),
    cells: [
      requested === undefined ? 'none' : text(requested),
      appliedText(requested, applied, text),
      ...[used, peak].map((value) => (value === undefined ? '--' : text(value))),
    ],
  }));
}

function appliedText(requested: number | undefined, applied: number | undefined, text: (value: number) => string) {
  if (applied === undefined) return requested === undefined ? 'none' : 'not applied';
  return text(applied);
}
