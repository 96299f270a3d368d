import type { Context } from '../context.ts';
import { jsonProgress } from './json.ts';
import { plainProgress } from './plain.ts';
import type { Progress } from './progress.ts';

/** The form that the command line, the environment and the terminal ask for. listr2 is only loaded for the live one. */
export async function openProgress(
  { globals, environment, stderr, paintError }: Context,
  title: string,
): Promise<Progress> {
  const live = stderr.isTty && environment['TERM'] !== 'dumb' && !environment['CI'];
  const auto = globals.json ? 'json' : live ? 'tty' : 'plain';
  const mode = globals.progress === undefined || globals.progress === 'auto' ? auto : globals.progress;
  switch (mode) {
    case 'tty': {
      const { liveProgress } = await import('./tasks.ts');
      return liveProgress(stderr, { title, paint: paintError, now: Date.now });
    }
    case 'plain':
      return plainProgress(stderr);
    case 'json':
      return jsonProgress(stderr);
    case 'quiet':
      return { plan: () => {}, event: () => {}, say: () => {}, close: () => {} };
  }
}
