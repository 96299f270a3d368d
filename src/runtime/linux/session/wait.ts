import { watch } from 'node:fs';
import { mayComeBack } from '../../../model/coming-back.ts';
import { type End, endReason } from '../../../model/end-reason.ts';
import type { RuntimeFailure } from '../../../model/event.ts';
import { hasHealth } from '../../../model/health.ts';
import type { ActionOf } from '../../../model/plan.ts';
import type { Dependency } from '../../../model/project.ts';
import type { ObservedContainer } from '../../../model/state.ts';
import type { ContainerName } from '../../../model/units.ts';
import { unreachable } from '../../../util/assert.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { subscribe } from '../control.ts';
import { openLogs } from '../logs.ts';
import { observeContainer } from '../observe.ts';
import type { ShimState } from '../records.ts';
import { findContainer, type Known, type SessionContext } from './context.ts';

type Verdict = 'holds' | 'not-yet' | RuntimeFailure;

export type Waiting = Pick<SessionContext, 'at' | 'project' | 'options'>;

/** Until the condition holds for this container; fails as soon as it can no longer hold. */
export async function waitForContainer(
  context: Waiting,
  { container, dependency, orCompleted }: ActionOf<'wait'>,
  signal: AbortSignal,
): Promise<Result<void, RuntimeFailure>> {
  if (dependency.condition === 'service_log_line') return waitForLine(context, { container, dependency, signal });
  for (;;) {
    const known = findContainer(context, container);
    if (!known.ok) return known;
    const observed = observeContainer(known.value.record, known.value.where);
    const verdict = (orCompleted ? judgeEnd(observed) : undefined) ?? judge(observed, dependency);
    if (verdict === 'holds') return ok(undefined);
    if (verdict !== 'not-yet') return err(verdict);
    if (signal.aborted)
      return err({ code: 'interrupted', message: `cannot wait for ${container}: interrupted`, notes: [] });
    await nextChange(known.value, { judged: observed, signal });
  }
}

type Reason = Pick<RuntimeFailure, 'configPath'> & { readonly text: string; readonly remedy?: string };

const never = (name: ContainerName, { text, remedy, configPath }: Reason): RuntimeFailure => ({
  code: 'dependency-failed',
  message: `cannot go on without ${name}: ${text}`,
  ...(configPath !== undefined && { configPath }),
  notes: remedy === undefined ? [] : [remedy],
});

/** Whether a condition holds, may still hold, or never will. */
export function judge(container: ObservedContainer, dependency: Dependency): Verdict {
  const { status, name } = container;
  if (status.kind === 'failed') return never(name, { text: status.message, configPath: 'argv' });
  switch (dependency.condition) {
    case 'service_started':
    case 'service_log_line':
      return status.kind === 'created' ? 'not-yet' : 'holds';
    case 'service_completed':
      return status.kind === 'exited' ? 'holds' : 'not-yet';
    case 'service_completed_successfully':
      if (status.kind !== 'exited') return 'not-yet';
      if (status.exitCode === 0) return 'holds';
      return mayComeBack(container) ? 'not-yet' : never(name, endOf(status, container));
    case 'service_healthy':
      return judgeHealth(container);
    default:
      return unreachable(dependency.condition);
  }
}

/** undefined: it has not ended. */
function judgeEnd(container: ObservedContainer): Verdict | undefined {
  const { status, name } = container;
  if (status.kind !== 'exited') return undefined;
  if (mayComeBack(container)) return 'not-yet';
  return status.exitCode === 0 ? 'holds' : never(name, endOf(status, container));
}

function judgeHealth(container: ObservedContainer): Verdict {
  const { status, name, config } = container;
  if (!hasHealth(config)) {
    return never(name, { text: 'it has no healthcheck', remedy: 'add one, or wait for service_started' });
  }
  if (status.kind === 'exited') return mayComeBack(container) ? 'not-yet' : never(name, endOf(status, container));
  if (status.kind !== 'running') return 'not-yet';
  if (status.health === 'healthy') return 'holds';
  const configPath = config.probes?.readiness === undefined ? 'healthcheck.argv' : 'probes.readiness.check';
  return status.health === 'unhealthy'
    ? { ...never(name, { text: 'it is unhealthy', configPath }), code: 'unhealthy' }
    : 'not-yet';
}

/** It has ended in a way that nobody can go on with; undefined: it has not. */
export function lost(container: ObservedContainer): RuntimeFailure | undefined {
  const { status, name } = container;
  return status.kind === 'exited' && status.exitCode !== 0 ? never(name, endOf(status, container)) : undefined;
}

/** How it ended, and why it stays so. */
function endOf(end: End, { config, givenUp }: ObservedContainer): Reason {
  const reason = endReason(end, config);
  if (givenUp === undefined) return { ...reason, text: `it ${reason.text}` };
  const why = givenUp === 'start-limit' ? 'it ended too often in a short time' : 'all its attempts are used up';
  const text = `its restart policy has given it up: ${why}; the last time it ${reason.text}`;
  return { ...reason, text, remedy: reason.remedy ?? 'mend what ends it; start or up tries again' };
}

/** How long a change may go unnoticed when neither the monitor nor the directory told of it. */
const floorMs = 1000;

type Change = { readonly judged: ObservedContainer; readonly signal: AbortSignal };

/**
 * A new state of the monitor, or a new file (its health, that it is given up) in the state directory: something that was not
 * so when `judged` was observed, be it before this call.
 */
export async function nextChange({ record, where }: Known, { judged, signal }: Change): Promise<void> {
  const done = new AbortController();
  const either = AbortSignal.any([signal, done.signal]);
  const isNews = (told?: ShimState): boolean => looks(observeContainer(record, where, told)) !== looks(judged);
  let seen = 0;
  const floor = setTimeout(() => done.abort(), floorMs);
  const watcher = watchDirectory(where.state, () => done.abort());
  if (isNews()) done.abort();
  const how = await subscribe(where.controlSocket, (told) => ++seen > 1 || isNews(told), { signal: either });
  if (how === 'gone' && !either.aborted) {
    await new Promise<void>((resolve) => {
      either.addEventListener('abort', () => resolve(), { once: true });
    });
  }
  clearTimeout(floor);
  watcher?.close();
}

/** All of a container that a wait may be about. */
const looks = ({ status, givenUp }: ObservedContainer): string =>
  [status.kind, status.kind === 'running' && status.health, givenUp].join();

function watchDirectory(path: string, onChange: () => void): { close: () => void } | undefined {
  try {
    const watcher = watch(path, (_, name) => {
      if (name?.startsWith('health') || name?.startsWith('given-up')) onChange();
    });
    watcher.on('error', () => {});
    return watcher;
  } catch {
    return undefined;
  }
}

type LineWait = { readonly container: ContainerName; readonly dependency: Dependency; readonly signal: AbortSignal };

async function waitForLine(
  context: Waiting,
  { container, dependency, signal }: LineWait,
): Promise<Result<void, RuntimeFailure>> {
  const pattern = new RegExp(dependency.pattern ?? '');
  const host = context.options.environment ?? {};
  const known = findContainer(context, container);
  if (!known.ok) return known;
  const status = observeContainer(known.value.record, known.value.where).status;
  const sinceMs = status.kind === 'running' ? status.startedAtMs : 0;
  const done = new AbortController();
  const ended = subscribe(known.value.where.controlSocket, (state) => state.phase >= 6, { signal: done.signal }).then(
    (how) => {
      // What it wrote last may not have been read yet.
      if (how !== 'aborted') setTimeout(() => done.abort(), 200);
    },
  );
  const either = AbortSignal.any([signal, done.signal]);
  const rests = new Map<string, string>();
  try {
    for await (const chunk of openLogs(context.project, [container], { follow: true, sinceMs, signal: either, host })) {
      const lines = ((rests.get(chunk.stream) ?? '') + chunk.bytes.toString()).split('\n');
      if (lines.some((line) => pattern.test(line))) return ok(undefined);
      rests.set(chunk.stream, (lines.at(-1) ?? '').slice(-65_536));
    }
  } finally {
    done.abort();
    await ended;
  }
  const message = `cannot go on without ${container}: it ended without writing a line that matches /${dependency.pattern}/`;
  return err({ code: signal.aborted ? 'interrupted' : 'dependency-failed', message, notes: [] });
}
