import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { statOf } from '../../runtime/linux/files/host-stat.ts';

/** A lock that a git killed in the middle has left must not stop watch mode for ever. */
const staleMs = 30_000;

/**
 * Tells whether git is changing the work tree that `path` lies in: it holds index.lock from before the first file of a
 * checkout until after the last. Always false outside of a work tree.
 */
export function gitIsBusy(path: string): () => boolean {
  const directory = gitDirectory(path);
  if (directory === undefined) return () => false;
  const lock = join(directory, 'index.lock');
  return () => {
    const found = statOf(lock);
    return found !== undefined && Date.now() - found.mtimeMs < staleMs;
  };
}

function gitDirectory(path: string): string | undefined {
  for (let at = path; ; at = dirname(at)) {
    const candidate = join(at, '.git');
    const found = statOf(candidate);
    if (found?.isDirectory()) return candidate;
    // A linked work tree or a submodule has a file that says where its own is.
    if (found?.isFile()) return resolve(at, /^gitdir: (.*)$/m.exec(readFileSync(candidate, 'utf8'))?.[1] ?? '.git');
    if (at === dirname(at)) return undefined;
  }
}
