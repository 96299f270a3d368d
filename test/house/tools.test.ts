import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { root } from '../support/tree.ts';

/** Runs an installed tool; its whole output is the message of a failure. */
function complaints(command: string, args: readonly string[]): string {
  const run = spawnSync(`node_modules/.bin/${command}`, args, { cwd: root, encoding: 'utf8' });
  if (run.error) throw run.error;
  return run.status === 0 ? '' : `${run.stdout}${run.stderr}`;
}

test('the compiler accepts everything', () => {
  expect(complaints('tsc', ['-p', '.'])).toBe('');
}, 180_000);

test('formatter and linter have nothing to say', () => {
  expect(complaints('biome', ['check', '--max-diagnostics=50', '.'])).toBe('');
}, 120_000);

test('nothing is exported, installed or kept that nobody uses', () => {
  expect(complaints('knip', ['--no-progress'])).toBe('');
}, 180_000);
