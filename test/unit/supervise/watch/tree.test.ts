import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostPath } from '../../../../src/model/units.ts';
import type { Change } from '../../../../src/supervise/watch/batch.ts';
import { TreeWatcher, type WatchError } from '../../../../src/supervise/watch/tree.ts';

let root: HostPath;
let seen: Change[];
let errors: WatchError[];
let watcher: TreeWatcher;

const open = (prune: (path: string) => boolean = () => false) => {
  watcher = new TreeWatcher({ root, prune, onChange: (c) => seen.push(c), onError: (e) => errors.push(e) });
};
const path = (name: string) => join(root, name);
const hears = (name: string, now: Change['now']) =>
  vi.waitFor(() => expect(seen).toContainEqual(expect.objectContaining({ path: path(name), now })), {
    timeout: 5000,
    interval: 5,
  });

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tsc-tree-')) as HostPath;
  seen = [];
  errors = [];
  mkdirSync(path('a/b'), { recursive: true });
});

afterEach(() => {
  watcher.close();
  rmSync(root, { recursive: true });
});

describe('a tree watcher', () => {
  it('hears a file written in place, made and removed, at any depth', async () => {
    writeFileSync(path('a/b/old'), '1');
    open();
    writeFileSync(path('a/b/old'), '2');
    await hears('a/b/old', 'there');
    writeFileSync(path('new'), '');
    await hears('new', 'there');
    rmSync(path('a/b/old'));
    await hears('a/b/old', 'gone');
  });

  it('hears both names of a rename, as editors save', async () => {
    writeFileSync(path('a/file'), 'old');
    open();
    writeFileSync(path('a/.file.tmp'), 'new');
    await hears('a/.file.tmp', 'there');
    renameSync(path('a/.file.tmp'), path('a/file'));
    await hears('a/file', 'there');
    await hears('a/.file.tmp', 'gone');
  });

  it('finds what was put into a new directory before its watch was set', async () => {
    open();
    mkdirSync(path('n/e/w'), { recursive: true });
    writeFileSync(path('n/e/w/file'), '');
    await hears('n/e/w/file', 'there');
    writeFileSync(path('n/e/w/later'), '');
    await hears('n/e/w/later', 'there');
  });

  it('watches the directory that takes the name of another', async () => {
    open();
    mkdirSync(path('next'));
    await hears('next', 'there');
    renameSync(path('a'), path('gone'));
    renameSync(path('next'), path('a'));
    await hears('next', 'gone');
    await vi.waitFor(() => {
      writeFileSync(path('a/file'), String(seen.length));
      expect(seen).toContainEqual(expect.objectContaining({ path: path('a/file'), now: 'there' }));
    });
  });

  it('reports a mode change of a directory without reporting all that is in it', async () => {
    writeFileSync(path('a/file'), '');
    open();
    chmodSync(path('a'), 0o700);
    await hears('a', 'there');
    expect(seen.map((c) => c.path)).not.toContain(path('a/file'));
  });

  it('sets one watch a directory, none below what is pruned, and follows no symbolic link', () => {
    mkdirSync(path('node_modules/x/y'), { recursive: true });
    symlinkSync('/usr', path('link'));
    open((p) => p === 'node_modules');
    expect(watcher.size).toBe(3);
    expect(errors).toEqual([]);
  });

  it('names the path and a remedy when the root is missing', () => {
    root = path('nowhere') as HostPath;
    open();
    expect(errors).toEqual([{ path: root, code: 'ENOENT', remedy: 'check that the path exists and can be read' }]);
    root = join(root, '..') as HostPath;
  });
});
