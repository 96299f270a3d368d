import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Capability } from '../support/capabilities.ts';
import { eventually } from '../support/eventually.ts';
import { type Row, runCli, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

/** Examples that are meant to fail say so by their name. */
const examples = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

/** What an example asks of the machine, beside what all of them do. */
const needs: { readonly [example: string]: readonly Capability[] } = {
  guestbook: ['nginx', 'redis-server'],
  images: ['redis-server'],
};

/** What an example wants said besides `up -d`. */
const flags: { readonly [example: string]: readonly string[] } = { watch: ['--watch'] };

describe('the example', () => {
  for (const example of examples) {
    scenario(`${example} comes up as it is, and goes`, needs[example] ?? [], async (rig) => {
      const directory = join(root, 'examples', example);
      const run = (...args: string[]) => runCli(['-p', rig.project, ...args], { cwd: directory });
      const up = await run('up', '-d', ...(flags[example] ?? []));
      try {
        expect(up.code, up.stderr).toBe(0);
        await eventually(async () => {
          const lines = (await run('ps', '-a', '--json')).stdout.split('\n').filter((line) => line !== '');
          const rows: Row[] = lines.map((line) => JSON.parse(line));
          expect(rows.length).toBeGreaterThan(0);
          const wrong = rows.filter(({ status }) => status.kind !== 'running' && status['exitCode'] !== 0);
          expect(wrong).toEqual([]);
        });
        // It still is as it should be a moment later: nothing crashes at once.
        await new Promise((resolve) => setTimeout(resolve, 500));
        expect((await run('plan', '--json')).stdout).toContain('"steps"');
      } finally {
        const down = await run('down', '-v');
        expect(down.code, down.stderr).toBe(0);
      }
    });
  }
});

scenario('the stack file of the README works as printed', [], async (rig) => {
  const text = /```yaml\n(# stack\.yml\n[\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
  expect(text).toBeDefined();
  rig.write('stack.yml', text as string);
  await rig.ok(['up', '-d']);
  await eventually(async () => {
    const { stdout } = await rig.ok(['logs']);
    expect(stdout).toContain('ready: good day');
    expect(stdout).toContain('still here');
  });
});

scenario('what init writes runs as it is', [], async (rig) => {
  expect((await runCli(['init', rig.directory])).code).toBe(0);
  rig.environment = { PORT: String(20_000 + (process.pid % 10_000)) };
  await rig.ok(['up', '-d']);
  await eventually(async () => expect((await rig.ok(['logs', 'visitor'])).stdout).toContain('hello'));
});
