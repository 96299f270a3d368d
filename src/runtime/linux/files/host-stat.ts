import { lstatSync, type Stats } from 'node:fs';

/** What is at a path, links not followed; undefined when nothing is, also because something on the way is no directory. */
export function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}
