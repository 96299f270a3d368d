import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { killed, monitorsOf, tracesOf } from '../support/leaks.ts';
import { numbersFrom } from '../support/random.ts';
import { ended, runCli, scenario, startCli } from '../support/scenario.ts';

/** How long it may go on, whatever the machine: at least a tenth of the rounds must have been done by then. */
const limitMs = Number(process.env['TSCOMPOSE_CHAOS_SECONDS'] ?? 90) * 1000;
const stacks = 10;
/** A hundred in all in the normal run; TSCOMPOSE_CHAOS_ROUNDS=100 is a hundred for each. */
const roundsEach = Number(process.env['TSCOMPOSE_CHAOS_ROUNDS'] ?? 10);

type Chaos = {
  readonly random: () => number;
  /** The command line for a project. */
  readonly command: (project: string, ...args: string[]) => string[];
  readonly counts: { commands: number; commandKills: number; monitorKills: number };
};

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One command, which may not live to its end, and afterwards perhaps the death of a monitor. */
async function strike(project: string, args: readonly string[], { random, command, counts }: Chaos): Promise<void> {
  const child = startCli(command(project, ...args));
  const done = ended(child);
  counts.commands++;
  if (random() < 0.4) {
    await pause(random() * 500);
    if (child.kill('SIGKILL')) counts.commandKills++;
  }
  await done;
  const monitors = monitorsOf(project);
  const victim = monitors[Math.floor(random() * monitors.length)];
  if (victim && random() < 0.4 && killed(victim.pid)) counts.monitorKills++;
}

async function live(project: string, chaos: Chaos, deadline: number): Promise<void> {
  for (let round = 0; round < roundsEach && performance.now() < deadline; round++) {
    await strike(project, ['up', '-d'], chaos);
    await strike(project, ['down'], chaos);
  }
}

scenario(
  'ten stacks that go up and down while commands and monitors are killed leave nothing after the last down',
  [],
  async (rig) => {
    const seed = Number(process.env['TSCOMPOSE_SEED'] ?? Date.now() % 1_000_000);
    console.log(`chaos: TSCOMPOSE_SEED=${seed}`);
    const grace = { stop_grace_period: '200ms' };
    rig.stack({ a: rig.puppet('a', grace), b: rig.puppet('b', { ...grace, depends_on: ['a'] }) });
    await rig.hold();
    const projects = Array.from({ length: stacks }, (_, i) => `${rig.project}-${i}`);
    const command = (project: string, ...args: string[]) => ['-p', project, '-f', rig.path('stack.yml'), ...args];
    const chaos = { random: numbersFrom(seed), command, counts: { commands: 0, commandKills: 0, monitorKills: 0 } };

    // Two at a time: more would only show how busy two cores can be.
    const began = performance.now();
    const queue = [...projects];
    const worker = async () => {
      for (let project = queue.shift(); project !== undefined; project = queue.shift()) {
        const share = limitMs / (stacks / 2);
        await live(project, chaos, performance.now() + share);
      }
    };
    await Promise.all([worker(), worker()]);
    console.log(`chaos: ${JSON.stringify(chaos.counts)} in ${Math.round(performance.now() - began)} ms`);
    expect(chaos.counts.commands).toBeGreaterThan((2 * stacks * roundsEach) / 10);
    expect(chaos.counts.commandKills).toBeGreaterThan(0);
    expect(chaos.counts.monitorKills).toBeGreaterThan(0);

    for (const project of projects) {
      const down = await runCli(command(project, 'down', '-v'));
      expect(down.code, `${project}\n${down.stderr}`).toBe(0);
    }
    await eventually(() => expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]));
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(rig.project);
  },
  limitMs + 120_000,
);
