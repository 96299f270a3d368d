import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { doubled, halved } from './doubled.ts';

/** A folder of the cache with at most `keep` files; the ones written longest ago go first. Every error means "not there". */
export type CacheFolder = {
  readonly read: (name: string) => string | undefined;
  readonly write: (name: string, text: string) => void;
};

export function cacheFolder(directory: string, keep: number): CacheFolder {
  return {
    read: (name) => {
      try {
        return halved(readFileSync(join(directory, name)))?.toString();
      } catch {
        return undefined;
      }
    },
    write: (name, text) => {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        const temporary = join(directory, `.${name}.${process.pid}`);
        writeFileSync(temporary, doubled(Buffer.from(text)), { mode: 0o600, flag: 'wx' });
        renameSync(temporary, join(directory, name));
        prune(directory, keep);
      } catch {
        // A full or read-only disk costs speed, nothing else.
      }
    },
  };
}

function prune(directory: string, keep: number): void {
  const names = readdirSync(directory);
  if (names.length <= keep) return;
  const files = names.map((name) => ({ name, at: statSync(join(directory, name)).mtimeMs }));
  files.sort((a, b) => b.at - a.at);
  for (const { name } of files.slice(keep)) rmSync(join(directory, name), { force: true });
}
