import type { ContainerStatus, HooksLeft } from '../../model/state.ts';
import { jsonIfThere } from './absent.ts';
import { writeFileAtomic } from './state-dir.ts';

/**
 * How far the hooks of one life of a container have come; it says nothing about the next one. A file of its own, because only
 * a container with such hooks needs it.
 */
type HooksRecord = {
  readonly startedAtMs: number;
  /** Those that have succeeded; `failed`: the one after them has not. */
  readonly postStart: number;
  readonly failed?: true;
  /** Those that have been run, well or not. */
  readonly postStop: number;
};

type HookRun = { readonly startedAtMs: number; readonly when: 'post-start' | 'post-stop'; readonly succeeded: boolean };

/** The next hook of that kind has been run. */
export function writeHookRun(path: string, { startedAtMs, when, succeeded }: HookRun): void {
  const known = jsonIfThere<HooksRecord>(path);
  const { failed: _, ...before } =
    known?.startedAtMs === startedAtMs ? known : { startedAtMs, postStart: 0, postStop: 0 };
  const record = after(before, when, succeeded);
  writeFileAtomic(path, JSON.stringify(record), { mode: 0o600 });
}

function after(record: HooksRecord, when: HookRun['when'], succeeded: boolean): HooksRecord {
  if (when === 'post-stop') return { ...record, postStop: record.postStop + 1 };
  return succeeded ? { ...record, postStart: record.postStart + 1 } : { ...record, failed: true };
}

/** undefined: all that its present state asks for have been run. Throws when the record cannot be read. */
export function readHooksLeft(
  path: string,
  {
    status,
    hooks: { postStart, postStop },
  }: {
    readonly status: ContainerStatus;
    readonly hooks: { readonly postStart: readonly unknown[]; readonly postStop: readonly unknown[] };
  },
): HooksLeft | undefined {
  if (!('startedAtMs' in status)) return undefined;
  const hasEnded = status.kind === 'exited';
  const wanted = hasEnded ? postStop.length : postStart.length;
  if (wanted === 0) return undefined;
  const record = jsonIfThere<HooksRecord>(path);
  if (record?.startedAtMs !== status.startedAtMs) return { from: 0, failed: false };
  const from = hasEnded ? record.postStop : record.postStart;
  return from < wanted ? { from, failed: record.failed === true } : undefined;
}
