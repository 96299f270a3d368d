import { constants } from 'node:os';
import { errnoSentence } from '../runtime/linux/errno.ts';
import type { LeftOut } from '../runtime/linux/files/entry.ts';
import { CopyRefused } from '../runtime/linux/files/host-files.ts';
import { FileError } from '../runtime/linux/files/service.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { sayError } from './say.ts';

/** Runs a copy; what the kernel, here or inside the container, refuses is said. The value is an exit code. */
export async function copying(context: Context, what: string, work: () => Promise<void>): Promise<number> {
  try {
    await work();
    return exitCode.ok;
  } catch (error) {
    const reason = reasonOf(error);
    if (reason === undefined) throw error;
    sayError(context, { code: 'copy-failed', message: `cannot copy ${what}: ${reason}` });
    return exitCode.failed;
  }
}

function reasonOf(error: unknown): string | undefined {
  if (error instanceof CopyRefused) return error.message;
  if (error instanceof FileError) return `${error.path} in the container: ${sentence(error.code)}`;
  const { code, path, name } = error as NodeJS.ErrnoException;
  if (code !== undefined && code in constants.errno)
    return path === undefined ? sentence(code) : `${path}: ${sentence(code)}`;
  return name === 'Error' && /tar|header|checksum/i.test(String(error)) ? 'this is no tar archive' : undefined;
}

const sentence = (code: string): string => errnoSentence(constants.errno[code as keyof typeof constants.errno] ?? 0);

/** Sockets and devices are named and left out. */
export function sayLeftOut({ stderr }: Pick<Context, 'stderr'>): LeftOut {
  return (path, what) => stderr.write(`left out: ${path} (${what})\n`);
}
