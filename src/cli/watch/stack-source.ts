import type { Result } from '../../util/result.ts';
import { err, ok } from '../../util/result.ts';
import type { Context } from '../context.ts';
import { type Converging, prepare, type Wish } from '../converging.ts';
import { exitCode } from '../exit-code.ts';
import { readProject } from '../stack.ts';

/** The stack of a command that goes on: it can be read again, and knows the files that it comes from. */
export type StackSource = {
  /** The error is an exit code, and has been explained. */
  readonly read: () => Promise<Result<Converging, number>>;
  /** What the last reading looked at: a checksum by absolute path, `missing` for what was looked for in vain. */
  readonly files: () => ReadonlyMap<string, string>;
};

/** `again`: what is wished from the second reading on; as at the first when absent. */
export function stackSource(context: Context, wish: Wish, again = wish): StackSource {
  let next = wish;
  let files: ReadonlyMap<string, string> = new Map();
  return {
    files: () => files,
    read: () => {
      const current = next;
      next = again;
      return prepare(context, {
        ...current,
        load: async (_, names) => {
          const fresh = await readProject(context, names ?? []);
          files = new Map(fresh.files.filter(({ path }) => path !== '-').map(({ path, sha256 }) => [path, sha256]));
          return fresh.project === undefined ? err(exitCode.invalidFile) : ok(fresh.project);
        },
      });
    },
  };
}

/** The paths whose content is another, or that only one of the two readings looked at. */
export function changedFiles(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}

/** What holds for later readings of the file, too: not what was meant once. */
export const lasting = ({ flags, ...wish }: Wish): Wish => ({
  ...wish,
  flags: {
    ...(flags['no-deps'] !== undefined && { 'no-deps': flags['no-deps'] }),
    ...(flags['remove-orphans'] !== undefined && { 'remove-orphans': flags['remove-orphans'] }),
    timeout: flags.timeout,
  },
});
