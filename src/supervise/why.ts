import { endText } from '../model/end-reason.ts';
import type { ObservedContainer, ObservedState, ProbeResult } from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import { unreachable } from '../util/assert.ts';
import { escapeControls } from '../util/escape.ts';
import { plural } from '../util/text.ts';
import { endLine } from './end-entry.ts';
import type { LogEntry, LogLine } from './log-entry.ts';
import type { LeaveReason } from './restart-policy.ts';
import { inOrder } from './telling-order.ts';

export type Evidence = {
  readonly observed: ObservedState;
  /** Of the whole project, oldest first. */
  readonly lines: readonly LogLine[];
  /** The last probes of a container, if it has a health check. */
  readonly probes?: { readonly [container: string]: readonly ProbeResult[] };
  /** What a running container last said of itself: STATUS= of sd_notify(3). */
  readonly says?: { readonly [container: string]: string };
  /** The last lines of output of a container. */
  readonly output?: { readonly [container: string]: readonly string[] };
  readonly formatTime: (atMs: number) => string;
};

/** How much of the past fits a page. */
const shownLines = 20;
const shownOutput = 10;

/** One page: what is the matter with a service now, what led to it, and what it last said; its dependencies' trouble included. */
export function explainService(service: ServiceName, evidence: Evidence): string {
  const containers = evidence.observed.containers.filter((container) => container.service === service);
  if (containers.length === 0) {
    const prefix = `${evidence.observed.project}-${service}-`;
    const names = new Set<string>(evidence.lines.map(({ container }) => container));
    const gone = [...names].filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)));
    return [`${service} has no container\n`, ...gone.map((name) => explainGone(name, evidence))].join('');
  }
  return containers.map((container) => explainContainer(container, evidence)).join('\n');
}

function explainGone(name: string, { lines, formatTime }: Evidence): string {
  const own = distinct(lines.filter((line) => line.container === name)).slice(-shownLines);
  return section(
    `history of ${name}, which was removed`,
    own.map((line) => `${formatTime(line.atMs)}  ${entryText(line)}`),
  );
}

function explainContainer(container: ObservedContainer, evidence: Evidence): string {
  const { name } = container;
  const { formatTime } = evidence;
  // Without a restart policy nobody may have written its end down yet.
  const end = endLine(container);
  const lines = evidence.lines.filter((line) => line.container === name);
  const own = distinct(inOrder([...lines, ...(end ? [end] : [])].sort((a, b) => a.atMs - b.atMs)));
  const sections = [`${name} ${statusText(container, evidence)}\n`];

  const trouble = troubleBelow(container, evidence);
  if (trouble.length > 0) sections.push(section('depends on', trouble));
  const shown = own.slice(-shownLines);
  const earlier = own.length - shown.length;
  const history = shown.map((line) => `${formatTime(line.atMs)}  ${entryText(line)}`);
  if (earlier > 0) history.unshift(`(${plural(earlier, 'earlier event')})`);
  if (history.length > 0) sections.push(section('history', history));

  const probe = evidence.probes?.[name]?.at(-1);
  if (probe !== undefined && container.status.kind === 'running' && container.status.health !== 'healthy') {
    sections.push(section('last probe', [probeText(probe), ...linesOf(probe.output)]));
  }
  const says = evidence.says?.[name] ?? '';
  if (says !== '' && container.status.kind === 'running') sections.push(section('says of itself', [says]));
  const output = evidence.output?.[name]?.slice(-shownOutput) ?? [];
  if (output.length > 0) sections.push(section('last output', output));
  return sections.join('');
}

const section = (title: string, lines: readonly string[]): string =>
  `  ${title}\n${lines.map((line) => `    ${escapeControls(line)}\n`).join('')}`;

const linesOf = (text: string): readonly string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .slice(-shownOutput);

/** After a supervisor was killed, its successor may tell of the same start or end once more. */
function distinct(lines: readonly LogLine[]): readonly LogLine[] {
  const seen = new Set<string>();
  return lines.filter((line) => {
    const id =
      line.kind === 'started' ? `s${line.startedAtMs}` : 'endedAtMs' in line ? `e${line.endedAtMs}` : undefined;
    if (id === undefined) return true;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

function statusText({ status, restarts, stoppedByUser, config }: ObservedContainer, { formatTime }: Evidence): string {
  const counted = restarts === 0 ? '' : ` after ${plural(restarts, 'automatic restart')}`;
  switch (status.kind) {
    case 'created':
      return status.again ? 'is being started again' : 'was made and never started';
    case 'running':
      return `is running since ${formatTime(status.startedAtMs)}${counted}${status.health === undefined ? '' : `, ${status.health}`}`;
    case 'paused':
      return `is paused, running since ${formatTime(status.startedAtMs)}`;
    case 'exited': {
      if (status.reboot) return `was ended by a reboot${counted}`;
      // Stopped while its restart was due: that was no end of ours.
      const how = stoppedByUser && status.requested ? 'was stopped' : 'has ended';
      const policy = stoppedByUser ? '' : `; restart: ${config.restart.condition}`;
      const end = endText(status);
      return `${how} at ${formatTime(status.finishedAtMs)} ${end}${counted}${policy}`;
    }
    case 'failed':
      return `could not be started at ${formatTime(status.finishedAtMs)}: ${status.message}`;
    default:
      return unreachable(status);
  }
}

function entryText(entry: LogEntry): string {
  switch (entry.kind) {
    case 'started':
      return entry.restarts === 0 ? 'started' : `started again, automatic restart ${entry.restarts}`;
    case 'ended': {
      const life = durationText(entry.endedAtMs - entry.startedAtMs);
      return `${entry.stoppedByUser && entry.requested ? 'stopped' : 'ended'} after ${life} ${endText(entry)}`;
    }
    case 'failed':
      return `could not be started: ${entry.message}`;
    case 'restart-planned':
      return `restart ${entry.attempt} is due in ${durationText(entry.delayMs)}`;
    case 'restart-refused':
      return `could not be restarted: ${entry.message}; next try in ${durationText(entry.delayMs)}`;
    case 'left':
      return leaveText(entry.reason);
    case 'health': {
      const said = linesOf(entry.output).at(-1);
      const code = entry.exitCode === null ? 'no answer in time' : `code ${entry.exitCode}`;
      return entry.health === 'healthy' ? 'became healthy' : `became ${entry.health}: ${said ?? code}`;
    }
    case 'step': {
      const failure = entry.failure === undefined ? '' : `, which did not succeed: ${entry.failure}`;
      return `${entry.action} by ${entry.by}: ${entry.cause}${failure}`;
    }
    case 'removed':
      return 'removed';
    default:
      return unreachable(entry);
  }
}

/** Why it stays as it is. */
export function leaveText(reason: LeaveReason): string {
  switch (reason) {
    case 'stopped-by-user':
      return 'left alone: it was stopped on purpose';
    case 'no-policy':
      return 'left alone: it has no restart policy';
    case 'completed':
      return 'left alone: it ended well';
    case 'cannot-start':
      return 'left alone: it could not be started';
    case 'attempts-used-up':
      return 'given up: all attempts of its restart policy are used up';
    case 'start-limit':
      return 'given up: it ended too often in a short time';
    default:
      return unreachable(reason);
  }
}

function probeText({ exitCode, startedAtMs, finishedAtMs }: ProbeResult): string {
  const took = durationText(finishedAtMs - startedAtMs);
  return exitCode === null ? `no answer within ${took}` : `code ${exitCode} after ${took}`;
}

/** `850 ms`, `7.5 s`, `3 min 20 s`, `2 h 5 min`. */
export function durationText(ms: number): string {
  const span = Math.max(0, ms);
  if (span < 1000) return `${Math.round(span)} ms`;
  const seconds = span / 1000;
  if (seconds < 60) return `${Math.round(seconds * 10) / 10} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Dependencies that are not as this container asked for, and theirs in turn; each service once. */
function troubleBelow(container: ObservedContainer, evidence: Evidence): readonly string[] {
  const seen = new Set<ServiceName>([container.service]);
  const found: string[] = [];
  const visit = (dependent: ObservedContainer, indent: string): void => {
    for (const { service, condition } of dependent.dependsOn) {
      if (seen.has(service)) continue;
      seen.add(service);
      for (const needed of evidence.observed.containers.filter((other) => other.service === service)) {
        if (isFine(needed, condition)) continue;
        found.push(
          `${indent}${needed.name} (${condition.replace('service_', '').replaceAll('_', ' ')}): it ${statusText(needed, evidence)}`,
        );
        visit(needed, `${indent}  `);
      }
    }
  };
  visit(container, '');
  return found;
}

function isFine({ status }: ObservedContainer, condition: string): boolean {
  if (condition === 'service_completed_successfully') return status.kind === 'exited' && status.exitCode === 0;
  if (condition === 'service_completed') return status.kind === 'exited';
  if (status.kind !== 'running') return false;
  return condition !== 'service_healthy' || status.health === 'healthy';
}
