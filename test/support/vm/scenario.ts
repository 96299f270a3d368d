import { beforeAll, describe, expect } from 'vitest';
import { type Capability, missing, promised } from '../capabilities.ts';
import { runInVm, type VmOptions } from './machine.ts';

/** Tests of a machine of our own; skipped, with the reason in the title, where there can be none. */
export function describeVm(title: string, need: Capability, tests: () => void): void {
  const reasons = missing(['root', need]);
  const why = reasons.length === 0 ? '' : ` (skipped: ${reasons.join(', ')})`;
  describe.skipIf(reasons.length > 0 && !promised(['vm']))(`${title}${why}`, tests);
}

/** Tests of what the script of one machine says, which is started once for all of them and has to come to a good end. */
export function describeBoot(title: string, machine: VmOptions, tests: (said: Said) => void): void {
  describeVm(title, machine.systemd ? 'vm with systemd' : 'vm', () => {
    const said = saidIn('');
    beforeAll(async () => {
      const { code, output } = await runInVm(machine);
      Object.assign(said, saidIn(output));
      expect(code, output).toBe(0);
    }, 400_000);
    tests(said);
  });
}

export type Said = {
  readonly lines: readonly string[];
  /** The rest of the first line that begins so; undefined when there is none. */
  readonly after: (start: string) => string | undefined;
  /** How the container was whose row has this label. */
  readonly status: (label: string) => unknown;
};

/** What a script has said. */
export function saidIn(output: string): Said {
  const lines = output.split('\n');
  const after = (start: string) =>
    lines
      .find((line) => line.startsWith(start))
      ?.slice(start.length)
      .trim();
  return { lines, after, status: (label) => JSON.parse(after(`${label} {`)?.replace(/^/, '{') ?? 'null')?.status };
}
