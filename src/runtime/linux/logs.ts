import type { ContainerName, ProjectName } from '../../model/units.ts';
import { InternalError } from '../../util/assert.ts';
import type { HostEnvironment } from './options.ts';

/** Bytes of one stream of one container as one read of its pipe gave them: lines may be cut anywhere. */
export type LogChunk = {
  readonly container: ContainerName;
  readonly stream: 'stdout' | 'stderr';
  /** Milliseconds since the epoch, with fractions. */
  readonly timeMs: number;
  readonly bytes: Buffer;
};

export type LogOptions = {
  /** Start with the last this many lines of each container; absent: everything. */
  readonly tail?: number;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** Go on until `signal` aborts: through rotation, restarts, removal and creation anew. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  readonly host?: HostEnvironment;
};

/** What the containers wrote. Without `follow`, merged by time; ends when everything has been read. */
export function openLogs(
  _project: ProjectName,
  _containers: readonly ContainerName[],
  _options: LogOptions,
): AsyncIterable<LogChunk> {
  throw new InternalError('not built yet');
}
