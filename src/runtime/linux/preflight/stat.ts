import { type Stats, statSync } from 'node:fs';

/** Nothing for what is not there, below a file, behind a circle of links, or not for us to see. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
