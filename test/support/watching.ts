import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';
import { running } from './checks.ts';
import { eventually } from './eventually.ts';
import { ended, type Rig, type Run } from './scenario.ts';

/** One line of `watch --json`. */
export type Told = { readonly event: string; readonly [key: string]: unknown };

/** A `watch --json` that runs, and everything it has told. */
export class Watching {
  readonly #lines: string[] = [];
  readonly child: ChildProcess;
  readonly over: Promise<Run>;

  constructor(rig: Rig, args: readonly string[] = []) {
    this.child = rig.start(['watch', '--json', ...args]);
    if (this.child.stdout === null) throw new Error('its output is piped');
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#lines.push(line));
    this.over = ended(this.child);
  }

  /** One line that is none of JSON is a failure of the test that looks at them. */
  get told(): readonly Told[] {
    return this.#lines.map((line) => JSON.parse(line));
  }

  /** Waits until it has told this event, `count` times. */
  async tells(event: string, count = 1): Promise<Told> {
    return eventually(() => {
      const found = this.of(event);
      expect(found.length, `${event} in ${JSON.stringify(this.told)}`).toBeGreaterThanOrEqual(count);
      return found.at(-1) as Told;
    });
  }

  of(event: string): readonly Told[] {
    return this.told.filter((told) => told.event === event);
  }

  async stop(): Promise<Run> {
    this.child.kill('SIGINT');
    return this.over;
  }
}

/** Where the root of a service's container can be looked at from outside. */
export const guestRoot = async (rig: Rig, service: string): Promise<string> =>
  `/proc/${(await running(rig, service)).pid}/root`;
