import type { DesiredState } from '../../model/state.ts';
import type { ProjectName } from '../../model/units.ts';
import { isLockHeld } from '../../runtime/linux/lock-held.ts';
import { takeWatchLock, type WatchLock } from '../../runtime/linux/watch-lock.ts';
import { Watch, type WatchHost } from '../../supervise/watch/engine.ts';
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
  bringUp(): Promise<Changed>;
  /** Watches files until `signal`, or until there is nothing left to watch. */
  run(): Promise<WatchEnd>;
  close(): Promise<void>;
};

type Work = Pick<Change, 'files' | 'title' | 'plan' | 'once' | 'live' | 'deadline'>;

/** Takes the lock of whoever watches; the error is an exit code, and has been explained. */
export async function openWatch(context: Context, request: WatchRequest): Promise<Result<WatchSession, number>> {
  const { environment } = context;
  const { stack, signal } = request;
  const lock = await takeWatchLock(stack.project.name, { environment, signal });
  if (!lock.ok) {
    sayFailure(context, lock.error);
    return err(exitCodeOf(lock.error.code));
  }
  return ok(new Session(context, request, lock.value));
}

class Session implements WatchSession {
  readonly #context: Context;
  readonly #request: WatchRequest;
  readonly #lock: WatchLock;
  readonly #ending: Ending;
  readonly #project: ProjectName;
  readonly #watch: Watch;
  #desired: DesiredState;

  constructor(context: Context, request: WatchRequest, lock: WatchLock) {
    const { stack, signal } = request;
    this.#context = context;
    this.#request = request;
    this.#lock = lock;
    this.#project = stack.project.name;
    this.#desired = stack.desired;
    this.#ending = ending(signal);
    void lock.lost.then(() => this.#ending.end('taken'));
    this.#watch = new Watch(this.#host(), stack);
    this.#watch.follow(stack);
  }

  #host(): WatchHost {
    const { environment, globals } = this.#context;
    const { runtime } = this.#request;
    const quietly: Context = { ...this.#context, globals: { ...globals, progress: 'quiet' } };
    return {
      runtime,
      environment,
      say: (event) => this.#say(event),
      onThrow: this.#ending.onThrow,
      lastLines: (container) => lastLinesOf(this.#context, this.#project, container),
      isChanging: () => isLockHeld(this.#project, environment),
      onGone: () => this.#ending.end('down'),
      change: async (work) => (await this.#carryOut({ ...work, live: false }, quietly)).exitCode === 0,
    };
  }

  #say(event: WatchEvent): void {
    try {
      this.#request.say(event);
    } catch (error) {
      this.#ending.onThrow(error);
    }
  }

  #carryOut(work: Work, how = this.#context): Promise<Changed> {
    const { runtime, signal } = this.#request;
    return change(how, runtime, {
      ...work,
      desired: this.#desired,
      project: this.#project,
      signal,
      onCreated: (container) => this.#watch.fill(container),
    });
  }

  async bringUp(): Promise<Changed> {
    const { stack, deadline, runtime } = this.#request;
    let changed: Changed | undefined;
    await this.#watch.exclusively(async () => {
      changed = await this.#carryOut({ title: 'up', files: stack.project.files, plan: stack.plan, deadline });
    });
    if (changed !== undefined) return changed;
    const observed = await runtime.observe(this.#project);
    return { exitCode: exitCode.interrupted, worked: false, observed, before: observed, failed: [] };
  }

  async run(): Promise<WatchEnd> {
    const files = await followStack(this.#request.source, () => this.#watch.exclusively(() => this.#reload()));
    try {
      await this.#watch.start();
      return await this.#ending.over;
    } finally {
      await files.close();
    }
  }

  /** The stack file was saved: what runs becomes what it says now. */
  async #reload(): Promise<void> {
    const began = performance.now();
    const { source } = this.#request;
    const before = source.files();
    const next = await source.read();
    const files = changedFiles(before, source.files());
    if (files.length === 0) return;
    this.#say({ kind: 'reloading', files });
    const outcome = next.ok ? await this.#become(next.value) : 'invalid';
    this.#say({ kind: 'reloaded', outcome, tookMs: performance.now() - began });
  }

  async #become(stack: Converging): Promise<ReloadOutcome> {
    const { project, desired, plan } = stack;
    if (project.name !== this.#project) return 'renamed';
    this.#desired = desired;
    this.#watch.follow(stack);
    const changed = await this.#carryOut({ title: 'up', files: project.files, plan, live: false });
    warnOfOrphans(this.#context, stack, changed.observed);
    if (changed.exitCode !== 0) return 'failed';
    return changed.worked ? 'applied' : 'same';
  }

  async close(): Promise<void> {
    this.#ending.end('asked');
    await this.#watch.close();
    await this.#lock.release();
  }
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
