import { warnOfOrphans } from '../converging.ts';
import { exitCode } from '../exit-code.ts';
import { catchInterrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { sayMessage } from '../say.ts';
import { hasWatchRules } from '../watch/rules.ts';
import type { WatchEnd } from '../watch/session.ts';
import { stackSource } from '../watch/stack-source.ts';
import type { Runner } from './runner.ts';

export const watch: Runner<'watch'> = async ({ flags, args }, context) => {
  const source = stackSource(context, { flags: {}, names: args });
  const read = await source.read();
  if (!read.ok) return read.error;
  if (!hasWatchRules(context, read.value)) return exitCode.failed;
  const runtime = openRuntime(context);
  const interrupts = catchInterrupts(2);
  const signal = interrupts.first;
  context.ran('watch');
  const { openWatch, teller } = await import('../watch/session.ts');
  const { directory, name: project } = read.value.project;
  const say = teller(context, { directory, project, quiet: flags.quiet, ends: true, to: 'stdout' });
  const session = await openWatch(context, { runtime, source, stack: read.value, say, signal });
  if (!session.ok) return session.error;
  try {
    if (!flags['no-up']) {
      const changed = await session.value.bringUp();
      warnOfOrphans(context, read.value, changed.observed);
      if (changed.exitCode !== exitCode.ok) return signal.aborted ? interrupts.exitCode() : changed.exitCode;
    }
    const why = endText(await session.value.run());
    if (why !== undefined) sayMessage(context, why);
    return exitCode.ok;
  } finally {
    await session.value.close();
  }
};

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
