import type { HostPath } from '../../../model/units.ts';
import { type MissingInterpreter, missingInterpreterOf, type Root } from '../rootfs/interpreter.ts';
import { findProgram } from '../rootfs/programs.ts';

/** What is looked up on the host for one container and is likely to be asked again for the next. */
export type Look = {
  /** Whether the host has a program of this name. */
  readonly isProgram: (name: string) => boolean;
  readonly missingInterpreter: (file: HostPath, root: Root) => MissingInterpreter | undefined;
};

/** Services of one stack often run the same programs: each look is taken once. */
export function lookOnce(hostDirectories: readonly string[]): Look {
  const programs = new Map<string, boolean>();
  const interpreters = new Map<string, MissingInterpreter | undefined>();
  return {
    isProgram: (name) => {
      const known = programs.get(name) ?? findProgram(name, hostDirectories).path !== undefined;
      programs.set(name, known);
      return known;
    },
    missingInterpreter: (file, root) => {
      const key = JSON.stringify([file, root]);
      if (!interpreters.has(key)) interpreters.set(key, missingInterpreterOf(file, root));
      return interpreters.get(key);
    },
  };
}
