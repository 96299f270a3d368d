import { expect, test } from 'vitest';
import type { Output } from '../../../src/cli/output.ts';
import { painter } from '../../../src/cli/render/color.ts';
import { jsonProgress } from '../../../src/cli/render/json.ts';
import { liveProgress } from '../../../src/cli/render/live.ts';
import { plainProgress } from '../../../src/cli/render/plain.ts';
import type { Progress } from '../../../src/cli/render/progress.ts';
import type { Action, Cause, Plan, Step } from '../../../src/model/plan.ts';
import type { Volume } from '../../../src/model/project.ts';
import type { DesiredContainer } from '../../../src/model/state.ts';
import type { ContainerName, Millis, ServiceName, SignalName } from '../../../src/model/units.ts';

const web = 'shop-web-1' as ContainerName;
const missing: Cause = { kind: 'missing' };
const changed: Cause = { kind: 'changed', changes: [{ path: 'environment.PORT', from: '80', to: '81' }] };
const step = (id: string, action: Action, cause: Cause = missing): Step => ({ id, action, cause, after: [] });

const steps = {
  volume: step('create volume shop_data', { kind: 'create-volume', volume: { name: 'shop_data' } as Volume }),
  stop: step(
    'stop shop-web-1',
    { kind: 'stop', container: web, signal: 'SIGTERM' as SignalName, graceMs: 1 as Millis },
    changed,
  ),
  create: step('create shop-web-1', { kind: 'create', container: { name: web } as DesiredContainer }, changed),
  wait: step('wait shop-db-1', {
    kind: 'wait',
    container: 'shop-db-1' as ContainerName,
    dependency: { service: 'db' as ServiceName, condition: 'service_healthy', restart: false, required: true },
  }),
  start: step('start shop-web-1', { kind: 'start', container: web }),
  last: step('start shop-last-1', { kind: 'start', container: 'shop-last-1' as ContainerName }),
};
const plan: Plan = { steps: Object.values(steps) };

/** A day in the life of `up`: a lock, a warning, a wait, a failure, and something that was left out. */
function play(progress: Progress): void {
  progress.event({ kind: 'lock-wait', holder: '`tscompose down` (pid 17)' });
  progress.plan(plan);
  progress.event({ kind: 'step-started', step: steps.volume, atMs: 1000 });
  progress.event({ kind: 'step-done', step: steps.volume, atMs: 1100 });
  progress.event({ kind: 'step-started', step: steps.stop, atMs: 1000 });
  progress.event({ kind: 'step-done', step: steps.stop, atMs: 1500 });
  progress.event({ kind: 'step-started', step: steps.create, atMs: 1500 });
  progress.event({ kind: 'warning', container: web, message: 'nofile was cut to 1024' });
  progress.event({ kind: 'step-done', step: steps.create, atMs: 1600 });
  progress.event({ kind: 'step-started', step: steps.wait, atMs: 1600 });
  progress.event({ kind: 'step-started', step: steps.start, atMs: 1600 });
  const failure = { code: 'command-not-found', message: 'cannot start shop-web-1: no "serv"', notes: [] } as const;
  progress.event({ kind: 'step-failed', step: steps.start, failure, atMs: 2000 });
  progress.event({ kind: 'step-skipped', step: steps.last, because: '"start shop-web-1" did not succeed' });
  progress.close();
}

function screen(columns = 60, rows = 24) {
  const written: string[] = [];
  const write = (text: string | Uint8Array) => void written.push(text.toString());
  const output: Output = {
    isTty: true,
    columns: () => columns,
    rows: () => rows,
    write,
    relay: write,
  };
  return { output, text: () => written.join('') };
}

test('plain progress is one line an event, with reasons where they are not obvious', async () => {
  const { output, text } = screen();
  play(plainProgress(output));
  await expect(text()).toMatchFileSnapshot('./progress/plain.txt');
});

test('JSON progress is one object an event', async () => {
  const { output, text } = screen();
  play(jsonProgress(output));
  const lines = text().trimEnd().split('\n');
  expect(lines.every((line) => typeof JSON.parse(line).event === 'string')).toBe(true);
  await expect(text()).toMatchFileSnapshot('./progress/json.txt');
});

test('live progress ends with one line for each thing, and marks how it went', async () => {
  const { output, text } = screen();
  play(liveProgress(output, { paint: painter(false), title: 'up', now: () => 3000 }));
  await expect(text().replaceAll('\x1b', '␛')).toMatchFileSnapshot('./progress/live.txt');
});

test('live progress never hides the cursor, and leaves nothing switched on', () => {
  const { output, text } = screen();
  play(liveProgress(output, { paint: painter(true), title: 'up', now: () => 3000 }));
  expect(text()).not.toContain('\x1b[?25l');
  expect(text().split('\x1b[?2026h').length).toBe(text().split('\x1b[?2026l').length);
});

test('live progress fits the terminal, however small', () => {
  const { output, text } = screen(30, 4);
  play(liveProgress(output, { paint: painter(false), title: 'up', now: () => 3000 }));
  const lines = text()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the sequences that take no room
    .replaceAll(/\x1b\[[?0-9;]*[A-Za-z]/g, '')
    .split('\n');
  // The lock and the warning are told once, whole, above the picture; everything else is cut.
  const picture = lines.filter((line) => !/^(waiting|warning)/.test(line));
  expect(Math.max(...picture.map((line) => line.length))).toBeLessThanOrEqual(30);
});
