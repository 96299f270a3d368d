import { expect, test } from 'vitest';
import type { Cause, Plan } from '../../../src/model/plan.ts';
import type { ContainerName } from '../../../src/model/units.ts';
import { formatPlan } from '../../../src/plan/format.ts';
import { planJson } from '../../../src/plan/json.ts';
import { reconcile } from '../../../src/plan/reconcile.ts';
import { compare, desiredState, observedState, originOf } from '../../support/builders.ts';

const web = 'shop-web-1' as ContainerName;
const startFor = (cause: Cause): Plan => ({
  steps: [{ id: 'start shop-web-1', action: { kind: 'start', container: web }, cause, after: [] }],
});

test('a value that appears, disappears or is empty is named so', () => {
  const changes = [
    { path: 'hostname', to: 'web' },
    { path: 'user', from: 'root' },
    { path: 'environment.A', from: '', to: 'x' },
  ];
  expect(formatPlan(startFor({ kind: 'changed', changes }))).toBe(
    'start shop-web-1:\n  hostname set to web\n  user removed, was root\n  environment.A "" → x\n',
  );
});

test('a value cannot send control characters to the terminal, nor fill it', () => {
  const changes = [{ path: 'argv.0', from: '\u001b[2Ja\nb\u202e', to: 'x'.repeat(500) }];
  const text = formatPlan(startFor({ kind: 'changed', changes }));
  expect(text).toBe(`start shop-web-1: argv.0 \\u{1b}[2Ja\\nb\\u{202e} → ${'x'.repeat(60)}…${'x'.repeat(19)}\n`);
});

test('an automatic restart says what it answers to', () => {
  expect(formatPlan(startFor({ kind: 'restart-policy', exitCode: 1, attempt: 3 }))).toBe(
    'start shop-web-1: ended with 1, automatic restart 3\n',
  );
  expect(formatPlan(startFor({ kind: 'restart-policy', exitCode: null, attempt: 1 }))).toContain('an unknown code');
});

test('the JSON form has stable names and places, and no configuration', () => {
  const file = { path: 'stack.yml', text: 'services:\n  web:\n    environment: { PORT: 9090 }\n' };
  const origins = { '': originOf(file, 'web'), 'environment.PORT': originOf(file, '9090') };
  const sketch = (PORT: string) =>
    desiredState([{ name: 'web', config: { environment: { PORT, SECRET: 'hidden' } }, origins }]);
  const json = planJson(reconcile(sketch('9090'), observedState(sketch('8080')), { compare }));
  expect(json.steps.map(({ id, after }) => [id, after])).toEqual([
    ['stop shop-web-1', []],
    ['remove shop-web-1', ['stop shop-web-1']],
    ['create shop-web-1', ['remove shop-web-1']],
    ['start shop-web-1', ['create shop-web-1']],
  ]);
  expect(json.steps[2]).toEqual({
    id: 'create shop-web-1',
    action: 'create',
    subject: 'shop-web-1',
    cause: {
      kind: 'changed',
      text: 'environment.PORT 8080 → 9090, stack.yml:3:26',
      changes: [{ path: 'environment.PORT', from: '8080', to: '9090', at: 'stack.yml:3:26' }],
    },
    at: 'stack.yml:2:3',
    after: ['remove shop-web-1'],
  });
  expect(JSON.stringify(json)).not.toContain('hidden');
});
