import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';
import { prepareRootfs } from '../../../../../src/runtime/linux/rootfs/prepare.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();

// Most tests share a store, as services of one machine do: what is common to all is built once.
const shared = execFileSync('mktemp', ['-d', '/tmp/tscompose-store-XXXXXX'], { encoding: 'utf8' }).trim() as HostPath;
afterAll(() => rmSync(shared, { recursive: true, force: true }));

async function prepareHost(programs: readonly string[], store: HostPath, hostPath = '/usr/bin:/bin') {
  const prepared = await prepareRootfs({ kind: 'host', programs }, store, { hostPath });
  if (!prepared.ok) throw new Error(prepared.error.message);
  const { lowers, key } = prepared.value;
  return { root: lowers[0] as string, lowers, key };
}

/** A program of the test's own; a script, so that nothing needs to be compiled. */
function writeScript(path: string, text = '#!/bin/sh\necho hello\n'): void {
  mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

describe('a root filesystem that is a directory', () => {
  it('is used where it is, links resolved', async () => {
    const directory = scratch();
    mkdirSync(`${directory}/real`);
    symlinkSync('real', `${directory}/link`);
    const prepared = await prepareRootfs({ kind: 'directory', path: `${directory}/link` as HostPath }, scratch());
    expect(prepared).toEqual({
      ok: true,
      value: { lowers: [`${directory}/real`], key: `directory:${directory}/real` },
    });
  });

  it('is refused when it is missing, a file, or the whole host', async () => {
    const directory = scratch();
    writeFileSync(`${directory}/file`, '');
    for (const path of [`${directory}/none`, `${directory}/file`, '/', '/usr/..']) {
      const prepared = await prepareRootfs({ kind: 'directory', path: path as HostPath }, scratch());
      expect(prepared.ok ? path : prepared.error.code).toBe('rootfs-failed');
    }
  });
});

describe('a root filesystem that preflight has looked at', () => {
  afterEach(() => void vi.useRealTimers());

  async function lookEarly(): Promise<() => Promise<boolean>> {
    vi.useFakeTimers({ toFake: ['hrtime'] });
    const path = `${scratch()}/root` as HostPath;
    const store = scratch();
    mkdirSync(path);
    await prepareRootfs({ kind: 'directory', path }, store, { early: true });
    rmSync(path, { recursive: true });
    return async () => (await prepareRootfs({ kind: 'directory', path }, store)).ok;
  }

  it('is not looked at again a moment later, by however many, but after that', async () => {
    const prepare = await lookEarly();
    vi.advanceTimersByTime(999);
    expect(await Promise.all([prepare(), prepare()])).toEqual([true, true]);
    expect(await prepare()).toBe(false);
  });

  it('is looked at again when the moment is over', async () => {
    const prepare = await lookEarly();
    vi.advanceTimersByTime(1000);
    expect(await prepare()).toBe(false);
  });
});

describe('a root filesystem built from host programs', () => {
  it('starts the program by its bare name', async () => {
    const { root } = await prepareHost(['sh'], shared);
    expect(execFileSync('chroot', [root, 'sh', '-c', 'echo started'], { encoding: 'utf8' })).toBe('started\n');
  });

  it('shares no inode with the host', async () => {
    const { root } = await prepareHost(['sh'], shared);
    const path = execFileSync('readlink', ['-f', '/bin/sh'], { encoding: 'utf8' }).trim();
    expect(statSync(root + path).ino).not.toBe(statSync(path).ino);
    expect(readFileSync(root + path).equals(readFileSync(path))).toBe(true);
  });

  it('is built once: the second call finds the same directory, untouched', async () => {
    const store = scratch();
    const first = await prepareHost(['sh'], store);
    const built = statSync(first.root).ino;
    const second = await prepareHost(['sh'], store);
    expect(second).toEqual(first);
    expect(statSync(second.root).ino).toBe(built);
    expect(readdirSync(`${store}/tmp`)).toEqual([]);
  });

  it('has one copy of a file that two roots have in common', async () => {
    const store = shared;
    const one = await prepareHost(['sh'], store);
    const two = await prepareHost(['sh', 'cat'], store);
    const libc = '/lib/x86_64-linux-gnu/libc.so.6';
    expect(two.key).not.toBe(one.key);
    if (existsSync(libc)) expect(statSync(two.root + libc).ino).toBe(statSync(one.root + libc).ino);
  });

  it('has what is large and common, time zones for one, as a layer of its own below', async () => {
    const store = shared;
    const one = await prepareHost(['sh'], store);
    const two = await prepareHost(['sh', 'cat'], store);
    expect(two.lowers.slice(1)).toEqual(one.lowers.slice(1));
    expect(one.lowers.slice(1).map((lower) => existsSync(`${lower}/usr/share/zoneinfo/UTC`))).toContain(true);
    expect(existsSync(`${one.root}/usr/share/zoneinfo`)).toBe(false);
  });

  it('is one answer for all that ask at once', async () => {
    const source = { kind: 'host', programs: ['sh'] } as const;
    const ask = () => prepareRootfs(source, shared, { hostPath: '/usr/bin:/bin' });
    const [one, two] = [ask(), ask()];
    expect(one).toBe(two);
    await one;
    const three = ask();
    expect(three).not.toBe(one);
    expect(await three).toEqual(await one);
  });

  it('is built anew when a program has changed, and has another key', async () => {
    const [store, host] = [shared, scratch()];
    writeScript(`${host}/bin/greet`);
    const before = await prepareHost(['greet'], store, `${host}/bin:/usr/bin`);
    writeScript(`${host}/bin/greet`, '#!/bin/sh\necho changed\n');
    const after = await prepareHost(['greet'], store, `${host}/bin:/usr/bin`);
    expect(after.key).not.toBe(before.key);
    expect(execFileSync('chroot', [after.root, 'greet'], { encoding: 'utf8' })).toBe('changed\n');
    expect(execFileSync('chroot', [before.root, 'greet'], { encoding: 'utf8' })).toBe('hello\n');
  });

  it('notices a program that now comes first in PATH', async () => {
    const [store, host] = [shared, scratch()];
    writeScript(`${host}/second/greet`);
    const path = `${host}/first:${host}/second:/usr/bin`;
    const before = await prepareHost(['greet'], store, path);
    writeScript(`${host}/first/greet`, '#!/bin/sh\necho first\n');
    const after = await prepareHost(['greet'], store, path);
    expect(after.key).not.toBe(before.key);
    expect(execFileSync('chroot', [after.root, 'greet'], { encoding: 'utf8' })).toBe('first\n');
  });

  it('keeps its key when a program was only touched and looks the same', async () => {
    const [store, host] = [shared, scratch()];
    writeScript(`${host}/bin/greet`);
    utimesSync(`${host}/bin/greet`, 1_000_000, 1_000_000);
    const before = await prepareHost(['greet'], store, `${host}/bin:/usr/bin`);
    rmSync(`${host}/bin/greet`);
    writeScript(`${host}/bin/greet`);
    utimesSync(`${host}/bin/greet`, 1_000_000, 1_000_000);
    expect((await prepareHost(['greet'], store, `${host}/bin:/usr/bin`)).key).toBe(before.key);
  });

  it('has no set-user-ID and no set-group-ID program', async () => {
    const [store, host] = [shared, scratch()];
    writeScript(`${host}/bin/greet`);
    chmodSync(`${host}/bin/greet`, 0o6755);
    const { root } = await prepareHost(['greet'], store, `${host}/bin:/usr/bin`);
    expect(lstatSync(`${root}${host}/bin/greet`).mode & 0o7777).toBe(0o755);
  });

  it('follows a script to the program that env finds for it', async () => {
    const [store, host] = [shared, scratch()];
    writeScript(`${host}/tools/inner`);
    writeScript(`${host}/bin/outer`, '#!/usr/bin/env inner\n');
    const { root } = await prepareHost(['outer'], store, `${host}/bin:${host}/tools:/usr/bin`);
    expect(execFileSync('chroot', [root, 'outer'], { encoding: 'utf8' })).toBe('hello\n');
  });

  it('takes the program a version manager would start, not its shim', async () => {
    const [store, host] = [shared, scratch()];
    writeScript(`${host}/shims/greet`, '#!/bin/sh\necho shim\n');
    writeScript(`${host}/versions/2.1/bin/greet`);
    writeFileSync(`${host}/version`, '2.1\n');
    const { root } = await prepareHost(['greet'], store, `${host}/shims:/usr/bin`);
    expect(execFileSync('chroot', [root, 'greet'], { encoding: 'utf8' })).toBe('hello\n');
  });

  it('names the program that the host does not have, and what may have been meant', async () => {
    const host = scratch();
    writeScript(`${host}/salutation`);
    const prepared = await prepareRootfs({ kind: 'host', programs: ['sh', 'salutaton'] }, shared, {
      hostPath: `/usr/bin:${host}`,
    });
    if (prepared.ok) throw new Error('it was built');
    expect(prepared.error).toMatchObject({
      code: 'rootfs-failed',
      message: 'cannot find the program "salutaton" on this host',
      configPath: 'rootfs.programs.1',
    });
    expect(prepared.error.notes[0]).toBe('did you mean "salutation"?');
  });

  it('is repaired when it was damaged before the machine booted again', async () => {
    const store = scratch();
    const { root, key } = await prepareHost(['sh'], store);
    truncateSync(`${root}/etc/passwd`, 0);
    for (const name of readdirSync(`${store}/sources`)) {
      const path = `${store}/sources/${name}`;
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"bootId":"[^"]*"/, '"bootId":"another"'));
    }
    const again = await prepareHost(['sh'], store);
    expect(again.key).toBe(key);
    expect(readFileSync(`${again.root}/etc/passwd`, 'utf8')).toMatch(/^root:x:0:0:/);
  });

  it('sweeps what a killed builder has left, and leaves a living one alone', async () => {
    const store = scratch();
    await prepareHost(['sh'], store);
    const start = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[19];
    mkdirSync(`${store}/tmp/999999999-1-dead/etc`, { recursive: true });
    mkdirSync(`${store}/tmp/${process.pid}-${start}-alive`);
    await prepareHost(['sh', 'cat'], store);
    expect(readdirSync(`${store}/tmp`)).toEqual([`${process.pid}-${start}-alive`]);
  });
});
