import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { err, ok, type Result } from '../../../util/result.ts';
import { type ElfFile, isElf, readElf } from './elf.ts';

/** What a program file is to the kernel. */
export type ProgramFile =
  | { readonly kind: 'elf'; readonly elf: ElfFile }
  | { readonly kind: 'script'; readonly shebang: Shebang }
  | { readonly kind: 'other' };

/** The `#!` line as execve(2) splits it: everything after the interpreter is one argument. */
export type Shebang = { readonly interpreter: string; readonly argument?: string };

/** BINPRM_BUF_SIZE: what execve(2) looks at. */
const shebangBytes = 256;
const headBytes = 4096;

/** Reads a regular file (a FIFO or device is refused without waiting for it). */
export function readProgramFile(path: string): Result<ProgramFile, string> {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    return err(errnoOf(cause));
  }
  try {
    if (!fstatSync(fd).isFile()) return err('not a regular file');
    const head = readAt(fd, 0, headBytes);
    if (isElf(head)) {
      const elf = readElf((offset, length) =>
        offset + length <= head.length ? head.subarray(offset, offset + length) : readAt(fd, offset, length),
      );
      return elf.ok ? ok({ kind: 'elf', elf: elf.value }) : elf;
    }
    const shebang = parseShebang(head);
    return ok(shebang === undefined ? { kind: 'other' } : { kind: 'script', shebang });
  } catch (cause) {
    return err(errnoOf(cause));
  } finally {
    closeSync(fd);
  }
}

export function parseShebang(head: Buffer): Shebang | undefined {
  if (head.length < 2 || head[0] !== 0x23 || head[1] !== 0x21) return undefined;
  const line = head.toString('utf8', 2, Math.min(head.length, shebangBytes)).split('\n', 1)[0] ?? '';
  const [, interpreter, argument] = /^[ \t]*([^ \t]+)[ \t]*(.*?)[ \t\r]*$/.exec(line) ?? [];
  if (!interpreter) return undefined;
  return argument ? { interpreter, argument } : { interpreter };
}

/** The program that `#!/usr/bin/env NAME` starts; undefined for any other interpreter. */
export function envProgram({ interpreter, argument }: Shebang): string | undefined {
  if (!interpreter.endsWith('/env') || argument === undefined) return undefined;
  const words = argument.split(/[ \t]+/);
  // Without -S the kernel hands `env` a single word, spaces and all.
  const candidates = words[0] === '-S' || words[0] === '--split-string' ? words.slice(1) : [argument];
  return candidates.find((word) => !word.startsWith('-') && !word.includes('='));
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, buffer, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

/** `ENOENT` and the like in words a user reads. */
export function errnoOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  switch (code) {
    case 'ENOENT':
      return 'no such file or directory';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'ELOOP':
      return 'too many symbolic links';
    case 'ENOTDIR':
      return 'a component of the path is not a directory';
    case 'ENOSPC':
      return 'no space left on the device';
    default:
      return cause instanceof Error ? cause.message : String(cause);
  }
}
