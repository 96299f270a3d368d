import type { Context } from './context.ts';
import { printable } from './render/width.ts';
import { isForPrograms } from './say.ts';

type ImageFlags = {
  readonly build?: boolean;
  readonly pull?: string | undefined;
  readonly rmi?: string | undefined;
};

/**
 * Flags about images are understood, so that command lines written for docker compose work. Those that ask for something
 * to be done are answered with a notice; those that ask for less are obeyed by doing nothing.
 */
export function noteImages(context: Context, { build, pull, rmi }: ImageFlags): void {
  const { stderr, paintError } = context;
  const asked = [build && '--build', pull === 'always' && '--pull always', rmi !== undefined && `--rmi ${rmi}`];
  for (const flag of asked) {
    if (!flag) continue;
    const message = `${flag} has no effect: services are made from root filesystems, not from images`;
    if (isForPrograms(context)) stderr.write(`${JSON.stringify({ severity: 'notice', code: 'no-images', message })}\n`);
    else stderr.write(`${paintError('dim', `notice: ${printable(message)}`)}\n`);
  }
}
