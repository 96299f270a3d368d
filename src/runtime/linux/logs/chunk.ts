import type { ContainerName } from '../../../model/units.ts';

/** Bytes of one stream of one container as one read of its pipe gave them: lines may be cut anywhere. */
export type LogChunk = {
  readonly container: ContainerName;
  readonly stream: 'stdout' | 'stderr';
  /** Milliseconds since the epoch, with fractions. */
  readonly timeMs: number;
  readonly bytes: Buffer;
};
