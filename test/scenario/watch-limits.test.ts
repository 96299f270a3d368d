import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

/** A program that watches a tree, one line of JSON for everything it hears. */
const program = `
import { TreeWatcher } from '${root}/src/supervise/watch/tree.ts';
const tell = (value) => console.log(JSON.stringify(value));
const tree = new TreeWatcher({ root: process.argv[2], prune: () => false, onChange: tell, onError: tell });
tell({ size: tree.size });
setInterval(() => {}, 1000);
`;

describe('a watch of more directories than inotify has watches for', () => {
  // A user namespace has a limit of its own, below that of the machine, which is left as it is.
  scenario(
    'says so once with the remedy, hears of changes all the same, and is whole again',
    ['unshare'],
    async (rig) => {
      for (let i = 0; i < 20; i++) mkdirSync(rig.path('tree', `d${i}`), { recursive: true });
      writeFileSync(rig.path('tree/d19/old'), '1');
      const outfile = rig.path('watch.mjs');
      await build({
        stdin: { contents: program, resolveDir: root, loader: 'ts' },
        bundle: true,
        format: 'esm',
        platform: 'node',
        outfile,
      });
      const limit = '/proc/sys/user/max_inotify_watches';
      const script = `echo 5 > ${limit}; "$@" & read line; echo 100 > ${limit}; wait`;
      const child = spawn('unshare', ['-Ur', 'sh', '-c', script, 'sh', process.execPath, outfile, rig.path('tree')], {
        stdio: ['pipe', 'pipe', 'inherit'],
        detached: true,
      });
      const told: { readonly [key: string]: unknown }[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)));
      const hears = (name: string, now: string) =>
        eventually(() => expect(told).toContainEqual(expect.objectContaining({ path: rig.path('tree', name), now })));
      try {
        await eventually(() => expect(told).toContainEqual({ size: 21 }));
        const errors = () => told.filter(({ code }) => code !== undefined);
        expect(errors()).toHaveLength(1);
        expect(errors()[0]).toMatchObject({ code: 'ENOSPC', remedy: expect.stringContaining('sysctl fs.inotify') });
        writeFileSync(rig.path('tree/d19/old'), '2');
        writeFileSync(rig.path('tree/d18/new'), '1');
        await hears('d19/old', 'there');
        await hears('d18/new', 'there');
        mkdirSync(rig.path('tree/d17/deep'));
        await hears('d17/deep', 'there');
        writeFileSync(rig.path('tree/d17/deep/file'), '1');
        await hears('d17/deep/file', 'there');
        child.stdin.end('\n');
        writeFileSync(rig.path('tree/d16/later'), '1');
        await hears('d16/later', 'there');
        expect(errors()).toHaveLength(1);
      } finally {
        process.kill(-(child.pid ?? 0), 'SIGKILL');
      }
    },
  );
});
