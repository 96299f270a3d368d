import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { describe, expect } from 'vitest';
import { beside } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

/** A program that watches a path, one line of JSON for everything it hears. */
const program = (kind: 'TreeWatcher' | 'RootWatcher', module: string) => `
import { ${kind} } from '${root}/src/supervise/watch/${module}.ts';
const tell = (value) => console.log(JSON.stringify(value));
const watcher = new ${kind}({ root: process.argv[2], prune: () => false, onChange: tell, onError: tell });
tell({ size: watcher.size });
setInterval(() => {}, 1000);
`;

type Told = { readonly [key: string]: unknown };

/**
 * Runs it where `few` watches are to be had, and a hundred after a line on its standard input. A user namespace has a limit
 * of its own, below that of the machine, which is left as it is.
 */
async function watching(
  rig: Rig,
  path: string,
  { contents, few }: { readonly contents: string; readonly few: number },
) {
  const outfile = rig.path('watch.mjs');
  const stdin = { contents, resolveDir: root, loader: 'ts' } as const;
  await build({ stdin, bundle: true, format: 'esm', platform: 'node', outfile });
  const limit = '/proc/sys/user/max_inotify_watches';
  const script = `echo ${few} > ${limit}; "$@" & read line; echo 100 > ${limit}; wait`;
  const child = beside(
    spawn('unshare', ['-Ur', 'sh', '-c', script, 'sh', process.execPath, outfile, path], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    }),
  );
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const told = (): Told[] => lines.map((line) => JSON.parse(line));
  return {
    told,
    errors: () => told().filter(({ code }) => code !== undefined),
    hears: (name: string, now: string) =>
      eventually(() => expect(told()).toContainEqual(expect.objectContaining({ path: name, now }))),
    allowMore: () => child.stdin.end('\n'),
    end: () => {
      // Of a group that has ended there is nobody to kill.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    },
  };
}

describe('a watch of more directories than inotify has watches for', () => {
  scenario(
    'says so once with the remedy, hears of changes all the same, and is whole again',
    ['unshare'],
    async (rig) => {
      for (let i = 0; i < 20; i++) mkdirSync(rig.path('tree', `d${i}`), { recursive: true });
      writeFileSync(rig.path('tree/d19/old'), '1');
      const watcher = await watching(rig, rig.path('tree'), { contents: program('TreeWatcher', 'tree'), few: 5 });
      const { told, errors } = watcher;
      const hears = (name: string, now: string) => watcher.hears(rig.path('tree', name), now);
      try {
        await eventually(() => expect(told()).toContainEqual({ size: 21 }));
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
        watcher.allowMore();
        writeFileSync(rig.path('tree/d16/later'), '1');
        await hears('d16/later', 'there');
        expect(errors()).toHaveLength(1);
      } finally {
        watcher.end();
      }
    },
  );

  scenario('holds for a single file, and for one that is not there yet', ['unshare'], async (rig) => {
    const file = rig.write('one/file', '1');
    const watcher = await watching(rig, file, { contents: program('RootWatcher', 'root'), few: 0 });
    try {
      await eventually(() => expect(watcher.told()).toContainEqual({ size: 0 }));
      const changes = () => watcher.told().filter(({ now }) => now !== undefined);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      expect(changes()).toEqual([]);
      writeFileSync(file, '2');
      await watcher.hears(file, 'there');
      rmSync(file);
      await watcher.hears(file, 'gone');
      const before = changes().length;
      writeFileSync(file, '3');
      await eventually(() => expect(changes().length).toBe(before + 1));
      watcher.allowMore();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      writeFileSync(file, '4');
      await eventually(() => expect(changes().length).toBeGreaterThan(before + 1));
      expect(watcher.errors()).toEqual([expect.objectContaining({ code: 'ENOSPC' })]);
    } finally {
      watcher.end();
    }
  });
});
