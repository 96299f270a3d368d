import { exitCode } from './exit-code.ts';
import { OutputClosed, openOutput } from './output.ts';
import { version } from './version.ts';

/** The machine has no room, no files or no memory left: nothing that anybody should report. */
const refusals = ['ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'ENFILE', 'ENOMEM', 'EIO'];

const isRefusal = (error: unknown): error is Error =>
  error instanceof Error && refusals.includes((error as NodeJS.ErrnoException).code ?? '');

/** What belongs to root may be neither read nor changed by anybody else. */
const isForbidden = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && (error as NodeJS.ErrnoException).code === 'EACCES' && process.geteuid?.() !== 0;

/** The directory we were started in has been removed: a shell that stands in it does not notice. */
const isNowhere = (error: unknown): boolean => (error as { readonly syscall?: unknown } | null)?.syscall === 'uv_cwd';

/** Tells what nobody has caught, and says what to exit with. */
export function afterThrow(error: unknown): number {
  if (error instanceof OutputClosed) return exitCode.ok;
  if (isForbidden(error)) {
    const path = error.path === undefined ? '' : ` ${error.path}`;
    openOutput(2).write(`error[not-root]: cannot look into${path}: it belongs to root\n  = sudo tscompose …\n`);
    return exitCode.hostLacks;
  }
  if (isNowhere(error)) {
    openOutput(2).write('error: the current directory is not there any more\n  = change to one that is\n');
    return exitCode.failed;
  }
  if (isRefusal(error)) {
    openOutput(2).write(`error: cannot go on: ${error.message}\n`);
    return exitCode.failed;
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause = error instanceof Error && error.cause !== undefined ? `\ncaused by ${String(error.cause)}` : '';
  // Not instanceof: a file of the bundle that is loaded lazily has its own copy of the class.
  const kind =
    error instanceof Error && error.name === 'InternalError'
      ? 'this cannot happen, and yet it did'
      : 'nobody expected this';
  openOutput(2).write(
    `internal error: ${kind}\n${stack}${cause}\n\n` +
      `This is a bug of tscompose ${version} (Node ${process.version}, ${process.platform} ${process.arch}).\n` +
      'Please report it with the lines above and what you did.\n',
  );
  return exitCode.failed;
}
