import type { Context } from '../context.ts';
import { jsonProgress } from './json.ts';
import { plainProgress } from './plain.ts';
import type { Progress } from './progress.ts';

/** The form that the command line, the environment and the terminal ask for. The live one, and listr2 with it, is only loaded where it is shown. */
export async function openProgress(
  { globals, environment, stderr, paintError }: Context,
  { title, live }: { readonly title: string; readonly live: boolean },
): Promise<Progress> {
  const canLive = live && stderr.isTty && environment['TERM'] !== 'dumb' && !environment['CI'];
  const auto = globals.json ? 'json' : canLive ? 'tty' : 'plain';
  const asked = globals.progress === undefined || globals.progress === 'auto' ? auto : globals.progress;
  const mode = asked === 'tty' && !live ? 'plain' : asked;
  switch (mode) {
    case 'tty': {
      const { liveProgress } = await import('./live.ts');
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
