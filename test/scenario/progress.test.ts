import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { ended, type Run, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

type Line = { readonly event?: string; readonly id?: string; readonly [key: string]: unknown };

/** Every line is an object; anything else throws. */
const linesOf = ({ stderr }: Run): readonly Line[] =>
  stderr
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

const eventsOf = (run: Run): readonly Line[] => linesOf(run).filter(({ event }) => event !== undefined);

/** The keys that docs/reconciling.md gives an event. */
function documented(event: string): readonly string[] {
  const row = readFileSync(join(root, 'docs/reconciling.md'), 'utf8')
    .split('\n')
    .find((line) => line.startsWith(`| \`${event}\` |`));
  return [...(row?.split('|')[2] ?? '').matchAll(/`(\w+)`/g)].map(([, key]) => key as string);
}

/** Each step once: begun and ended in this order, after the plan that names it, and after the steps it needs. */
function expectInOrder(events: readonly Line[]): void {
  const [plan, ...rest] = events;
  expect(plan?.event).toBe('plan');
  const steps = plan?.['steps'] as readonly string[];
  const ofSteps = rest.filter(({ id }) => id !== undefined);
  expect(new Set(ofSteps.map(({ id }) => id))).toEqual(new Set(steps));
  for (const step of steps) {
    const own = ofSteps.filter(({ id }) => id === step).map(({ event }) => event);
    expect([['step-started', 'step-done'], ['step-started', 'step-failed'], ['step-skipped']]).toContainEqual(own);
  }
  for (const { event, ...keys } of events) {
    expect(documented(event as string)).toEqual(expect.arrayContaining(Object.keys(keys)));
  }
}

describe('--progress json', () => {
  scenario('of up and down is an object a line, in the order in which it happens', [], async (rig) => {
    rig.stack({ db: rig.puppet('db'), web: rig.puppet('web', { depends_on: ['db'] }) });
    await rig.hold();
    const up = await rig.ok(['--progress', 'json', 'up', '-d']);
    await rig.next('web');
    const events = eventsOf(up);
    expect(events).toHaveLength(linesOf(up).length);
    expectInOrder(events);
    const at = (event: string, id: string) => events.findIndex((line) => line.event === event && line.id === id);
    const { project } = rig;
    expect(at('step-done', `start ${project}-db-1`)).toBeGreaterThan(-1);
    expect(at('step-done', `start ${project}-db-1`)).toBeLessThan(at('step-started', `start ${project}-web-1`));
    expect(linesOf(await rig.ok(['--progress', 'json', 'up', '-d']))).toEqual([]);

    const down = await rig.ok(['--progress', 'json', 'down']);
    const ended = eventsOf(down);
    expectInOrder(ended);
    const order = ended.filter(({ event }) => event === 'step-done').map(({ id }) => id);
    expect(order.indexOf(`stop ${project}-web-1`)).toBeLessThan(order.indexOf(`stop ${project}-db-1`));
    expect(linesOf(await rig.ok(['--progress', 'json', 'down']))).toEqual([]);
  });

  scenario('of up in the foreground has what Ctrl-C begins, and how containers end', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '10m' }), job: rig.puppet('job') });
    await rig.hold();
    const child = rig.start(['--json', 'up']);
    const over = ended(child);
    const stderr: string[] = [];
    child.stderr?.on('data', (bytes: Buffer) => stderr.push(bytes.toString()));
    const web = await rig.next('web');
    await web.do('ignore 15');
    await web.print('for people\n', 'err');
    (await rig.next('job')).tell('exit 3');
    await eventually(() => expect(stderr.join('')).toContain('exited with code 3'));
    child.kill('SIGINT');
    await eventually(() => expect(stderr.join('')).toContain('press Ctrl-C again'));
    child.kill('SIGINT');
    const run = await over;
    expect(run.code).toBe(130);
    const events = eventsOf(run);
    expect(events).toHaveLength(linesOf(run).length);
    expect(events.flatMap(({ event, message }) => (event === 'message' ? [message] : []))).toEqual([
      `${rig.project}-job-1 exited with code 3`,
      'stopping; press Ctrl-C again to kill',
      'killing',
      expect.stringContaining(`${rig.project}-web-1`),
    ]);
    const shown = run.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(shown).toEqual([expect.objectContaining({ container: `${rig.project}-web-1` })]);
  });

  scenario('of what does not succeed tells the step, what was skipped, and why', [], async (rig) => {
    rig.stack({
      job: rig.puppet('job'),
      web: rig.puppet('web', { depends_on: { job: { condition: 'service_completed_successfully' } } }),
    });
    await rig.hold();
    const running = rig.cli(['--progress', 'json', 'up', '-d']);
    (await rig.next('job')).tell('exit 3');
    const up = await running;
    expect(up.code).toBe(1);
    const events = eventsOf(up);
    expectInOrder(events);
    const { project } = rig;
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'step-failed', id: `wait ${project}-job-1 completed successfully` }),
    );
    expect(events).toContainEqual(expect.objectContaining({ event: 'step-skipped', id: `start ${project}-web-1` }));
    const told = linesOf(up).filter(({ event }) => event === undefined);
    expect(told).toMatchObject([
      { severity: 'error', step: `wait ${project}-job-1 completed successfully`, message: expect.any(String) },
    ]);
    expect(linesOf(up).at(-1)).toEqual(told[0]);
  });

  scenario('of a file with a mistake is the mistake with its place', [], async (rig) => {
    rig.write('stack.yml', 'services:\n  web:\n    volums: []\n    rootfs: { host: [sh] }\n');
    const up = await rig.cli(['--progress', 'json', 'up', '-d']);
    expect(up.code).toBe(3);
    expect(linesOf(up)).toMatchObject([{ severity: 'error', code: 'unknown-key', line: 3, column: 5 }]);
  });
});
