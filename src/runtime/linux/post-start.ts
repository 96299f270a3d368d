import type { ContainerStatus, UnfinishedStart } from '../../model/state.ts';
import { jsonIfThere } from './absent.ts';
import { writeFileAtomic } from './state-dir.ts';

/**
 * How far the post_start hooks of a life have come; it says nothing about the next one. A file of its own, because nobody but
 * a container with such hooks needs it.
 */
type PostStartRecord = { readonly startedAtMs: number; readonly done: number; readonly failed?: true };

const pathIn = (stateDir: string): string => `${stateDir}/post-start.json`;

/** The next one of them has been run. */
export function writePostStart(
  stateDir: string,
  { startedAtMs, succeeded }: { readonly startedAtMs: number; readonly succeeded: boolean },
): void {
  const known = jsonIfThere<PostStartRecord>(pathIn(stateDir));
  const done = known?.startedAtMs === startedAtMs ? known.done : 0;
  const record: PostStartRecord = succeeded ? { startedAtMs, done: done + 1 } : { startedAtMs, done, failed: true };
  writeFileAtomic(pathIn(stateDir), JSON.stringify(record), { mode: 0o600 });
}

/** undefined: it has no such hooks, all have succeeded, or it is not alive. Throws when the record cannot be read. */
export function readUnfinishedStart(
  stateDir: string,
  { status, hooks }: { readonly status: ContainerStatus; readonly hooks: number },
): UnfinishedStart | undefined {
  if (hooks === 0 || (status.kind !== 'running' && status.kind !== 'paused')) return undefined;
  const record = jsonIfThere<PostStartRecord>(pathIn(stateDir));
  if (record?.startedAtMs !== status.startedAtMs) return { from: 0, failed: false };
  return record.done < hooks ? { from: record.done, failed: record.failed === true } : undefined;
}
