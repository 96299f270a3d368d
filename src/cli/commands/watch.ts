import type { WatchEvent } from '../../supervise/watch/events.ts';
import type { Context } from '../context.ts';
import { warnOfOrphans } from '../converging.ts';
import { exitCode } from '../exit-code.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import type { WatchEnd } from '../watch/session.ts';
import { stackSource } from '../watch/stack-source.ts';
import type { Runner } from './runner.ts';

export const watch: Runner<'watch'> = async ({ flags, args }, context) => {
  const source = stackSource(context, { flags: {}, names: args });
  const read = await source.read();
  if (!read.ok) return read.error;
  const { project, services } = read.value;
  if (
    !project.services.some((service) => hasRules(service) && (services.length === 0 || services.includes(service.name)))
  ) {
    const message =
      services.length === 0 ? 'no service says what to watch' : `${services.join(' and ')} does not say what to watch`;
    sayError(context, {
      code: 'nothing-to-watch',
      message,
      hint: 'give it develop: { watch: [{ path: ./src, action: sync, target: /app }] }',
    });
    return exitCode.failed;
  }
  const runtime = openRuntime(context);
  const interrupts = catchInterrupts(2);
  const signal = interrupts.first;
  context.ran('watch');
  const { openWatch } = await import('../watch/session.ts');
  const say = await teller(context, { directory: project.directory, project: project.name, quiet: flags.quiet });
  const session = await openWatch(context, { runtime, source, stack: read.value, say, signal });
  if (!session.ok) return session.error;
  try {
    if (!flags['no-up']) {
      const changed = await session.value.bringUp();
      warnOfOrphans(context, read.value, changed.observed);
      if (changed.exitCode !== exitCode.ok) return signal.aborted ? interrupts.exitCode() : changed.exitCode;
    }
    const why = endText(await session.value.run());
    if (why !== undefined) context.stderr.write(`${why}\n`);
    return exitCode.ok;
  } finally {
    await session.value.close();
  }
};

const hasRules = ({ watch: rules }: { readonly watch?: readonly unknown[] }) => rules !== undefined && rules.length > 0;

type Telling = { readonly directory: string; readonly project: string; readonly quiet: boolean };

async function teller(context: Context, { quiet, ...view }: Telling): Promise<(event: WatchEvent) => void> {
  const { stdout, paint, globals } = context;
  if (globals.json)
    return (event) => stdout.write(`${JSON.stringify({ event: event.kind, ...event, kind: undefined })}\n`);
  const { watchLines } = await import('../render/watch-lines.ts');
  return (event) => {
    if (!quiet || isWorthIt(event)) stdout.write(watchLines(event, { ...view, paint }));
  };
}

/** What --quiet leaves. */
const isWorthIt = (event: WatchEvent): boolean =>
  event.kind === 'refused' ||
  event.kind === 'ended' ||
  event.kind === 'warning' ||
  (event.kind === 'executed' && event.exitCode !== 0);

function endText(end: WatchEnd): string | undefined {
  switch (end) {
    case 'down':
      return 'the project was taken down: nothing is left to watch';
    case 'taken':
      return 'watch mode ends here: it was begun elsewhere, or the project was taken down';
    case 'asked':
    case 'unread':
      return undefined;
  }
}
