import type { RuntimeFailure } from '../../model/event.ts';
import { errnoName, errnoSentence } from './errno.ts';

/** What Node throws when the kernel refuses a call: not a bug of ours, and the user can do something about it. */
export function refusalOf(cause: unknown): RuntimeFailure | undefined {
  if (!(cause instanceof Error)) return undefined;
  const { errno, syscall, path } = cause as NodeJS.ErrnoException;
  if (errno === undefined || syscall === undefined) return undefined;
  const what = path === undefined ? syscall : `${syscall} ${path}`;
  const remedy = remedies[errnoName(-errno)];
  return {
    code: 'io',
    message: `cannot ${what}: ${errnoSentence(-errno)}`,
    notes: remedy === undefined ? [] : [remedy],
  };
}

const remedies: { readonly [name: string]: string } = {
  ENOSPC: 'make room below /run/tscompose and /var/lib/tscompose (df -h, df -i), then do the same again',
  EDQUOT: 'the quota is used up: make room, then do the same again',
  EROFS: '/run/tscompose and /var/lib/tscompose must be writable',
  EMFILE: 'raise the limit of open files (ulimit -n), then do the same again',
  ENFILE: 'close what is open on this machine, then do the same again',
};
