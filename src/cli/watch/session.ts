import { isLockHeld } from '../../runtime/linux/lock-held.ts';
import { takeWatchLock } from '../../runtime/linux/watch-lock.ts';
import { Watch } from '../../supervise/watch/engine.ts';
import type { ReloadOutcome, WatchEvent } from '../../supervise/watch/events.ts';
import type { Result } from '../../util/result.ts';
import { err, ok } from '../../util/result.ts';
import { type Change, type Changed, change } from '../change.ts';
import type { Context } from '../context.ts';
import { type Converging, warnOfOrphans } from '../converging.ts';
import type { Deadline } from '../deadline.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import { lastLinesOf, sayFailure } from '../explain.ts';
import { OutputClosed } from '../output.ts';
import type { openRuntime } from '../runtime.ts';
import { followStack } from './follow-stack.ts';
import { changedFiles, type StackSource } from './stack-source.ts';

export { teller } from './teller.ts';

export type WatchRequest = {
  readonly runtime: ReturnType<typeof openRuntime>;
  readonly source: StackSource;
  /** What `source` said when it was read last. */
  readonly stack: Converging;
  /** How long the first `up` may take. */
  readonly deadline?: Deadline | undefined;
  readonly say: (event: WatchEvent) => void;
  readonly signal: AbortSignal;
};

/** Why watch mode is over: the project was taken down, somebody else watches now, or nobody reads what it says. */
export type WatchEnd = 'down' | 'taken' | 'unread' | 'asked';

export type WatchSession = {
  /** The first `up`: as `change`, and containers have their files before they start. */
  readonly bringUp: () => Promise<Changed>;
  /** Watches files until `signal`, or until there is nothing left to watch. */
  readonly run: () => Promise<WatchEnd>;
  readonly close: () => Promise<void>;
};

type Work = Pick<Change, 'files' | 'title' | 'plan' | 'once' | 'desired' | 'live' | 'deadline'>;

/** Takes the lock of whoever watches; the error is an exit code, and has been explained. */
export async function openWatch(context: Context, request: WatchRequest): Promise<Result<WatchSession, number>> {
  const { runtime, stack, source, signal } = request;
  const { environment } = context;
  const { name } = stack.project;
  const lock = await takeWatchLock(name, { environment, signal });
  if (!lock.ok) {
    sayFailure(context, lock.error);
    return err(exitCodeOf(lock.error.code));
  }
  const { over, end, onThrow } = ending(signal);
  void lock.value.lost.then(() => end('taken'));
  const say = (event: WatchEvent) => {
    try {
      request.say(event);
    } catch (error) {
      onThrow(error);
    }
  };
  const carryOut = (how: Context, work: Work): Promise<Changed> =>
    change(how, runtime, { ...work, project: name, signal, onCreated: (container) => watch.fill(container) });
  const quietly: Context = { ...context, globals: { ...context.globals, progress: 'quiet' } };
  let desired = stack.desired;
  const watch: Watch = new Watch(
    {
      runtime,
      environment,
      say,
      onThrow,
      lastLines: (container) => lastLinesOf(context, name, container),
      isChanging: () => isLockHeld(name, environment),
      onGone: () => end('down'),
      change: async (work) => (await carryOut(quietly, { ...work, desired, live: false })).exitCode === 0,
    },
    stack,
  );
  const reload = async () => {
    const began = performance.now();
    const told = (outcome: ReloadOutcome) => say({ kind: 'reloaded', outcome, tookMs: performance.now() - began });
    const before = source.files();
    const next = await source.read();
    const files = changedFiles(before, source.files());
    if (files.length === 0) return;
    say({ kind: 'reloading', files });
    if (!next.ok) return told('invalid');
    if (next.value.project.name !== name) return told('renamed');
    desired = next.value.desired;
    watch.follow(next.value);
    const changed = await carryOut(context, {
      title: 'up',
      files: next.value.project.files,
      plan: next.value.plan,
      desired,
      live: false,
    });
    warnOfOrphans(context, next.value, changed.observed);
    told(changed.exitCode !== 0 ? 'failed' : changed.worked ? 'applied' : 'same');
  };
  watch.follow(stack);
  return ok({
    bringUp: async () => {
      let changed: Changed | undefined;
      await watch.exclusively(async () => {
        changed = await carryOut(context, {
          title: 'up',
          files: stack.project.files,
          plan: stack.plan,
          desired,
          deadline: request.deadline,
        });
      });
      if (changed !== undefined) return changed;
      const observed = await runtime.observe(name);
      return { exitCode: exitCode.interrupted, worked: false, observed, before: observed, failed: [] };
    },
    run: async () => {
      const files = await followStack(source, () => watch.exclusively(reload));
      try {
        await watch.start();
        return await over;
      } finally {
        await files.close();
      }
    },
    close: async () => {
      end('asked');
      await watch.close();
      await lock.value.release();
    },
  });
}

type Ending = {
  readonly over: Promise<WatchEnd>;
  readonly end: (why: WatchEnd) => void;
  /** What nobody expected is thrown where `over` is waited for. */
  readonly onThrow: (error: unknown) => void;
};

function ending(signal: AbortSignal): Ending {
  let end = (_: WatchEnd) => {};
  let fail = (_: unknown) => {};
  const over = new Promise<WatchEnd>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  over.catch(() => {});
  signal.addEventListener('abort', () => end('asked'), { once: true });
  if (signal.aborted) end('asked');
  return { over, end, onThrow: (error) => (error instanceof OutputClosed ? end('unread') : fail(error)) };
}
