import type { HostPath } from '../../../model/units.ts';
import { type MissingInterpreter, missingInterpreterOf, type Root } from '../rootfs/interpreter.ts';
import { findProgram } from '../rootfs/programs.ts';
import { type Guest, type Seen, seenAt } from './guest.ts';

/** What is looked up on the host for one container and is likely to be asked again for the next. */
export type Look = {
  /** Whether the host has a program of this name. */
  readonly isProgram: (name: string) => boolean;
  readonly missingInterpreter: (file: HostPath, root: Root) => MissingInterpreter | undefined;
  readonly seenAt: (guest: Guest, path: string) => Seen;
};

/** Services of one stack often run the same programs: each look is taken once. */
export function lookOnce(hostDirectories: readonly string[]): Look {
  const programs = new Map<string, boolean>();
  const interpreters = new Map<string, MissingInterpreter | undefined>();
  const places = new Map<string, Seen>();
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
    seenAt: (guest, path) => {
      const key = JSON.stringify([guest, path]);
      const seen = places.get(key) ?? seenAt(guest, path);
      places.set(key, seen);
      return seen;
    },
  };
}
