import { existsSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf, tracesOf } from '../support/leaks.ts';
import { numbersFrom } from '../support/random.ts';
import { ended, type Rig, runCli, scenario, startCli } from '../support/scenario.ts';

/** The monitors of a project: ours, outside of its containers. */
const monitorsOf = (project: string) =>
  processesOf(project).filter((p) => !p.because.startsWith('cgroup') && p.command.startsWith('tsc'));

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

async function killMonitor(rig: Rig): Promise<void> {
  const monitors = monitorsOf(rig.project);
  expect(monitors.length, JSON.stringify(processesOf(rig.project))).toBe(1);
  kill(monitors[0]!.pid);
  await eventually(() => expect(existsSync(`/proc/${monitors[0]!.pid}`)).toBe(false));
}

describe('a monitor killed with SIGKILL', () => {
  scenario('loses no container: the next up adopts it as it runs', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const { pid } = await running(rig, 'web');
    await killMonitor(rig);
    await rig.ok(['up', '-d']);
    expect((await running(rig, 'web')).pid).toBe(pid);
    await web.print('still talking\n');
    await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('still talking'));
    expect(monitorsOf(rig.project).length).toBe(1);
  });

  scenario('loses no log line written while it was dead', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('before\n');
    await eventually(async () => expect((await rig.ok(['logs', 'web'])).stdout).toContain('before'));
    await killMonitor(rig);
    await web.print('meanwhile\n');
    await rig.ok(['up', '-d']);
    await web.print('after\n');
    await eventually(async () => {
      expect((await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout).toBe('before\nmeanwhile\nafter\n');
    });
  });

  scenario('loses no exit code: the init of the container has written it down', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await killMonitor(rig);
    web.tell('exit 7');
    await web.gone;
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 7 });
  });

  scenario('does not keep down from removing everything', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    await killMonitor(rig);
    await rig.ok(['down', '-v']);
    await eventually(() => expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]));
  });
});

describe('the command line killed with SIGKILL', () => {
  scenario('in the middle of up leaves what the next up completes', [], async (rig) => {
    const names = Array.from({ length: 6 }, (_, i) => `s${i}`);
    rig.stack(Object.fromEntries(names.map((name) => [name, rig.puppet(name)])));
    await rig.hold();
    const up = rig.start(['up', '-d']);
    const first = ended(up);
    await eventually(() => expect(processesOf(rig.project).length).toBeGreaterThan(0), { withinMs: 20_000 });
    up.kill('SIGKILL');
    await first;
    await rig.ok(['up', '-d']);
    for (const name of names) await running(rig, name);
    expect(monitorsOf(rig.project).length).toBe(names.length);
  });
});

/** How long the chaos may go on, whatever the machine: at least a tenth of the rounds must have been done by then. */
const chaosMs = Number(process.env['TSCOMPOSE_CHAOS_SECONDS'] ?? 90) * 1000;
const stacks = 10;
const rounds = 100;

describe('killing at random moments', () => {
  scenario(
    'while ten stacks go up and down leaves nothing behind after the last down',
    [],
    async (rig) => {
      const seed = Number(process.env['TSCOMPOSE_SEED'] ?? Date.now() % 1_000_000);
      console.log(`chaos: TSCOMPOSE_SEED=${seed}`);
      const random = numbersFrom(seed);
      rig.stack({
        a: rig.puppet('a', { stop_grace_period: '200ms' }),
        b: rig.puppet('b', { stop_grace_period: '200ms', depends_on: ['a'] }),
      });
      await rig.hold();
      const projects = Array.from({ length: stacks }, (_, i) => `${rig.project}-${i}`);
      const command = (project: string, ...args: string[]) => ['-p', project, '-f', rig.path('stack.yml'), ...args];
      const began = performance.now();
      const counts = { commands: 0, commandKills: 0, monitorKills: 0 };

      const live = async (project: string): Promise<void> => {
        for (let round = 0; round < rounds / stacks && performance.now() - began < chaosMs; round++) {
          for (const args of [['up', '-d'], ['down']]) {
            const child = startCli(command(project, ...args));
            const done = ended(child, 60_000);
            counts.commands++;
            if (random() < 0.4) {
              await new Promise((resolve) => setTimeout(resolve, random() * 500));
              if (child.kill('SIGKILL')) counts.commandKills++;
            }
            await done;
            const monitors = monitorsOf(project);
            const victim = monitors[Math.floor(random() * monitors.length)];
            if (victim && random() < 0.4 && kill(victim.pid)) counts.monitorKills++;
          }
        }
      };
      // Two at a time: more would only measure how busy two cores can be.
      const queue = [...projects];
      const worker = async () => {
        for (let project = queue.shift(); project !== undefined; project = queue.shift()) await live(project);
      };
      await Promise.all([worker(), worker()]);
      console.log(`chaos: ${JSON.stringify(counts)} in ${Math.round(performance.now() - began)} ms`);
      expect(counts.commands).toBeGreaterThan(rounds / 10);
      for (const project of projects) {
        const down = await runCli(command(project, 'down', '-v'));
        expect(down.code, `${project}\n${down.stderr}`).toBe(0);
      }
      await eventually(() => expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]));
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(rig.project);
    },
    chaosMs + 120_000,
  );
});
