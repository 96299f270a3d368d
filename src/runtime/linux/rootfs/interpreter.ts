import type { HostPath } from '../../../model/units.ts';
import { envProgram, readProgramFile } from './elf-file.ts';
import { resolveInRoot } from './resolve-in-root.ts';

export type MissingInterpreter = {
  /** As it is written in the file. */
  readonly interpreter: string;
  /** `elf`: the dynamic loader; `script`: the program of the `#!` line; `env`: the program that env(1) is to find. */
  readonly kind: 'elf' | 'script' | 'env';
};

const maxDepth = 5;

export type Root = {
  /** What makes it up, top first. */
  readonly layers: readonly HostPath[];
  /** Those of PATH; without them env(1) is not looked into. */
  readonly directories?: readonly string[];
};

/**
 * Why execve(2) says ENOENT of a file that is there: the program that is to load or interpret it is not. `path` is a guest
 * path.
 */
export function missingInterpreter(
  layers: readonly HostPath[],
  path: string,
  directories: readonly string[] = [],
): MissingInterpreter | undefined {
  const resolved = resolveInRoot(layers, path);
  return resolved.ok ? missingInterpreterOf(resolved.value.host, { layers, directories }) : undefined;
}

/** The same for a file wherever it is on the host. */
export function missingInterpreterOf(file: HostPath, root: Root, depth = 0): MissingInterpreter | undefined {
  const program = readProgramFile(file);
  if (!program.ok || program.value.kind === 'other' || depth === maxDepth) return undefined;
  if (program.value.kind === 'elf') {
    const { interpreter } = program.value.elf;
    const isThere = interpreter === undefined || resolveInRoot(root.layers, interpreter).ok;
    return isThere ? undefined : { interpreter, kind: 'elf' };
  }
  const { shebang } = program.value;
  const interpreter = resolveInRoot(root.layers, shebang.interpreter);
  if (!interpreter.ok) return { interpreter: shebang.interpreter, kind: 'script' };
  const name = envProgram(shebang);
  if (name !== undefined && !isFound(name, root)) return { interpreter: name, kind: 'env' };
  return missingInterpreterOf(interpreter.value.host, root, depth + 1);
}

function isFound(name: string, { layers, directories = [] }: Root): boolean {
  if (directories.length === 0) return true;
  const candidates = name.startsWith('/') ? [name] : directories.map((directory) => `${directory}/${name}`);
  return candidates.some((candidate) => resolveInRoot(layers, candidate).ok);
}
