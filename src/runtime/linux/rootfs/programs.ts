import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, posix } from 'node:path';
import { closest } from '../../../util/text.ts';
import { furtherProgramDirectories } from './companions.ts';
import { expandGlob, listNames } from './glob.ts';

/** The directories of a PATH, absolute ones only: an empty or relative entry means the caller's current directory. */
export const pathDirectories = (path: string): readonly string[] => [
  ...new Set(path.split(':').filter((directory) => directory.startsWith('/'))),
];

export type Lookup = {
  /** Absent: there is no such program. */
  readonly path?: string;
  /** Where was looked, in this order, the find included. */
  readonly tried: readonly string[];
};

/** Finds a program as a shell would, and a little better: see `shimTarget` and `furtherProgramDirectories`. */
export function findProgram(name: string, directories: readonly string[]): Lookup {
  const tried: string[] = [];
  for (const directory of searchOrder(directories)) {
    const candidate = shimTarget(directory, name) ?? `${directory}/${name}`;
    tried.push(candidate);
    if (!isShims(directory, candidate) && isExecutable(candidate)) return { path: candidate, tried };
  }
  return { tried };
}

/** What was probably meant by a name that no directory has. */
export const similarProgram = (name: string, directories: readonly string[]): string | undefined =>
  closest(name, new Set(searchOrder(directories).flatMap(listNames)));

const searchOrder = (directories: readonly string[]): readonly string[] => [
  ...new Set([...directories, ...furtherProgramDirectories.flatMap((pattern) => [...expandGlob(pattern)].reverse())]),
];

/**
 * pyenv, rbenv and nodenv put scripts into PATH that start the chosen version and need the whole installation of the
 * version manager to do so. The program they would start is what is wanted.
 */
function shimTarget(directory: string, name: string): string | undefined {
  if (basename(directory) !== 'shims') return undefined;
  const root = dirname(directory);
  const version = firstLine(`${root}/version`);
  return version === undefined ? undefined : posix.join(root, 'versions', version, 'bin', name);
}

/** A script in `shims/` for which no version is chosen: of no use without its version manager. */
const isShims = (directory: string, candidate: string): boolean =>
  basename(directory) === 'shims' && dirname(candidate) === directory && isDirectory(`${dirname(directory)}/versions`);

function firstLine(path: string): string | undefined {
  try {
    const line = readFileSync(path, 'utf8').split('\n', 1)[0]?.trim();
    return line && /^[\w.+-]+$/.test(line) && line !== 'system' ? line : undefined;
  } catch {
    return undefined;
  }
}

export function isExecutable(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && (stats.mode & 0o111) !== 0;
}

const isDirectory = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
