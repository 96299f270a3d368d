import { readFileSync } from 'node:fs';

/**
 * Whether an error says that nothing is there. That we could not look (no descriptor left, a disk that answers nothing) is
 * another thing: whoever took it for the same would clear away what is in use.
 */
export const isAbsent = (cause: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ESRCH'].includes((cause as NodeJS.ErrnoException).code ?? '');

/** The text of a file, or undefined when there is none. Throws when it cannot be read. */
export function textIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw cause;
  }
}

/**
 * The value in a file of JSON, or undefined when there is none, or a machine that went down has left a torn one. Throws when
 * it cannot be read.
 */
export function jsonIfThere<T>(path: string): T | undefined {
  const text = textIfThere(path);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined;
  }
}
