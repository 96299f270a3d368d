import type { WatchEvent } from '../../supervise/watch/events.ts';
import type { Context } from '../context.ts';
import { watchLines } from '../render/watch-lines.ts';

type Telling = {
  readonly directory: string;
  readonly project: string;
  /** Only what cannot be done. */
  readonly quiet: boolean;
  /** false: others show it. */
  readonly ends: boolean;
  /** What watch mode does is the result of `watch`, and what goes on beside the output of `up`. */
  readonly to: 'stdout' | 'stderr';
};

/** Tells what watch mode does, as lines or as JSON. */
export function teller(context: Context, { quiet, ends, to, ...view }: Telling): (event: WatchEvent) => void {
  const { globals } = context;
  const output = context[to];
  const paint = to === 'stdout' ? context.paint : context.paintError;
  return (event) => {
    if ((quiet && !isTrouble(event)) || (!ends && event.kind === 'ended')) return;
    const { kind, ...rest } = event;
    output.relay(
      globals.json ? `${JSON.stringify({ event: kind, ...rest })}\n` : watchLines(event, { ...view, paint }),
    );
  };
}

const isTrouble = (event: WatchEvent): boolean =>
  event.kind === 'refused' ||
  event.kind === 'ended' ||
  event.kind === 'warning' ||
  (event.kind === 'executed' && event.exitCode !== 0);
