import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostPath } from '../../../../src/model/units.ts';
import type { Change } from '../../../../src/supervise/watch/batch.ts';
import { gitIsBusy } from '../../../../src/supervise/watch/git.ts';
import { RootWatcher } from '../../../../src/supervise/watch/root.ts';

let directory: string;
let seen: Change[];
let watcher: RootWatcher | undefined;

const path = (name: string) => join(directory, name) as HostPath;
const open = (name: string) => {
  watcher = new RootWatcher({
    root: path(name),
    prune: () => false,
    onChange: (change) => seen.push(change),
    onError: ({ code }) => expect.fail(code),
  });
};
const hears = (name: string, now: Change['now']) =>
  vi.waitFor(() => expect(seen).toContainEqual(expect.objectContaining({ path: path(name), now })), { timeout: 5000 });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-root-'));
  seen = [];
});
afterEach(() => {
  watcher?.close();
  rmSync(directory, { recursive: true });
});

describe('a watched path', () => {
  it('that is a file is heard of when another is renamed over it, again and again', async () => {
    writeFileSync(path('file'), '0');
    open('file');
    for (const text of ['1', '2']) {
      seen = [];
      writeFileSync(path('.new'), text);
      renameSync(path('.new'), path('file'));
      await hears('file', 'there');
    }
    expect(seen.every((change) => change.path === path('file'))).toBe(true);
  });

  it('that is not there yet is heard of when it comes, below directories that come with it', async () => {
    open('a/b/c');
    expect(watcher?.isMissing).toBe(true);
    mkdirSync(path('a/b/c'), { recursive: true });
    writeFileSync(path('a/b/c/file'), '');
    await hears('a/b/c/file', 'there');
  });

  it('that is a directory takes what was in it when it goes, never itself', async () => {
    mkdirSync(path('dir'));
    writeFileSync(path('dir/file'), '');
    open('dir');
    renameSync(path('dir'), path('other'));
    await hears('dir/file', 'gone');
    expect(seen.map((change) => change.path)).not.toContain(path('dir'));
  });
});

describe('git', () => {
  it('is busy while its index is locked, whatever in the work tree is asked about', () => {
    mkdirSync(path('.git'));
    writeFileSync(path('file'), '');
    const isBusy = gitIsBusy(path('file'));
    expect(isBusy()).toBe(false);
    writeFileSync(path('.git/index.lock'), '');
    expect(isBusy()).toBe(true);
    expect(gitIsBusy(path('not/there/yet'))()).toBe(true);
  });

  it('is found through the file that a linked work tree has instead', () => {
    mkdirSync(path('real'));
    mkdirSync(path('tree'));
    writeFileSync(path('tree/.git'), 'gitdir: ../real\n');
    writeFileSync(path('real/index.lock'), '');
    expect(gitIsBusy(path('tree'))()).toBe(true);
  });
});
