import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Row, runCli, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

/** Examples that are meant to fail say so by their name. */
const examples = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

describe('the example', () => {
  for (const example of examples) {
    scenario(`${example} comes up as it is, and goes`, [], async (rig) => {
      const directory = join(root, 'examples', example);
      const run = (...args: string[]) => runCli(['-p', rig.project, ...args], { cwd: directory });
      const up = await run('up', '-d');
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
