import { isAbsolute, relative } from 'node:path';
import type { SyncItem } from '../../supervise/watch/batch.ts';
import type { ReloadOutcome, WatchEvent } from '../../supervise/watch/events.ts';
import { unreachable } from '../../util/assert.ts';
import { plural } from '../../util/text.ts';
import type { Paint } from './color.ts';
import { exitText } from './status.ts';
import { printable } from './width.ts';

export type WatchView = {
  readonly paint: Paint;
  /** Of the project: paths below it are shown relative to it. */
  readonly directory: string;
  readonly project: string;
};

/** What watch mode did, as lines; each ends with a newline. */
export function watchLines(event: WatchEvent, view: WatchView): string {
  const { paint } = view;
  const sign = isTrouble(event) ? paint('error', '⦿') : paint('cyan', '⦿');
  const [head = '', ...more] = textOf(event, view).map((line) => printable(line));
  return [`${sign} ${head}`, ...more.map((line) => `    ${paint('dim', line)}`)].map((line) => `${line}\n`).join('');
}

function isTrouble(event: WatchEvent): boolean {
  if (event.kind === 'refused' || event.kind === 'ended') return true;
  if (event.kind === 'executed') return event.exitCode !== 0;
  return event.kind === 'reloaded' && event.outcome !== 'applied' && event.outcome !== 'same';
}

/** The line, and what is shown dimly below it. */
function textOf(event: WatchEvent, view: WatchView): readonly string[] {
  switch (event.kind) {
    case 'watching': {
      const { services, directories } = event;
      const whose = services.length === 0 ? 'the stack file alone' : `${listed(services)}, and the stack file`;
      return [`watching for ${whose} (${plural(directories, 'directory', 'directories')})`];
    }
    case 'synced': {
      const what = `${event.newcomer === undefined ? '' : 'new container '}${nameOf(event.newcomer ?? event.service, view)}`;
      return [`${what}  ${itemsText(event.items, view)}  ${tookText(event.tookMs)}`];
    }
    case 'restarted':
      return [`${listed(event.services)}  restarted: ${causesText(event.causes, view)}  ${tookText(event.tookMs)}`];
    case 'rebuilt':
      return [`${listed(event.services)}  made anew: ${causesText(event.causes, view)}  ${tookText(event.tookMs)}`];
    case 'executed': {
      const ran = `${nameOf(event.container, view)}  ran ${event.argv.join(' ')}: ${causesText(event.causes, view)}`;
      if (event.exitCode === 0) return [`${ran}  ${tookText(event.tookMs)}`];
      return [`${ran}: it ended with code ${event.exitCode}`, ...event.output];
    }
    case 'refused': {
      const why = event.causes.length === 0 ? '' : ` (${causesText(event.causes, view)})`;
      return [`${event.service}  ${event.message}${why}`, ...(event.hint === undefined ? [] : [event.hint])];
    }
    case 'ended': {
      const { status } = event;
      const code = status.kind === 'exited' ? ` with code ${exitText(status)}` : '';
      return [`${nameOf(event.container, view)}  ended${code}`, ...event.lastLines];
    }
    case 'reloading':
      return [`${causesText(event.files, view)}  changed`];
    case 'reloaded':
      return [reloadText(event.outcome, event.tookMs)];
    case 'warning':
      return [event.message, ...(event.hint === undefined ? [] : [event.hint])];
    default:
      return unreachable(event);
  }
}

function reloadText(outcome: ReloadOutcome, tookMs: number): string {
  switch (outcome) {
    case 'applied':
      return `applied  ${tookText(tookMs)}`;
    case 'same':
      return 'nothing that runs differs';
    case 'invalid':
      return 'the stack file is not valid: what runs is kept as it is, until it is saved again';
    case 'failed':
      return 'not all of it could be done: save it again when the cause is mended';
    case 'renamed':
      return 'the project has another name now: what runs is kept; end watch mode and run tscompose up';
    default:
      return unreachable(outcome);
  }
}

/** `src/a.js → /app/a.js`, or how many there are and the first of them. */
function itemsText(items: readonly SyncItem[], view: WatchView): string {
  const [first] = items;
  if (first === undefined) return '';
  if (items.length > 1) {
    const gone = items.filter(({ now }) => now === 'gone').length;
    const removed = gone === 0 ? '' : `, ${gone} of them removed`;
    return `${plural(items.length, 'path')}${removed}: ${causesText(
      items.map(({ source }) => source),
      view,
    )}`;
  }
  const source = pathText(first.source, view);
  return first.now === 'gone' ? `${source} removed` : `${source} → ${first.target}`;
}

function causesText(paths: readonly string[], view: WatchView): string {
  const shown = paths.slice(0, 3).map((path) => pathText(path, view));
  const more = paths.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : listed(shown);
}

function pathText(path: string, { directory }: WatchView): string {
  const below = relative(directory, path);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below;
}

const nameOf = (name: string, { project }: WatchView): string =>
  name.startsWith(`${project}-`) ? name.slice(project.length + 1) : name;

function listed(names: readonly string[]): string {
  return names.length < 2 ? (names[0] ?? '') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

const tookText = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.max(1, Math.round(milliseconds))} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
