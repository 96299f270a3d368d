import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { holdStrings, type Strings } from '../../support/puppet.ts';

let directory: string;
let strings: Strings;
const path = () => join(directory, 'ctl');

/** What it is told stays unread in the kernel. */
async function caller(): Promise<Socket> {
  const socket = connect(path()).pause();
  await once(socket, 'connect');
  return socket;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-strings-'));
  strings = await holdStrings(path());
});

afterEach(async () => {
  await strings.close();
  rmSync(directory, { recursive: true });
});

describe('the strings of the puppets', () => {
  // An error here would be nobody's: it would fail the whole run, whatever its tests say.
  test('take one that is killed before it says its name for nobody', async () => {
    const killed = await caller();
    killed.destroy();
    const web = await caller();
    web.write('hello web 7\n');
    expect(await strings.next('web')).toMatchObject({ name: 'web', guestPid: 7 });
  });

  test('take one that is killed with a command unread for gone, and nothing more', async () => {
    const nobodys: unknown[] = [];
    const hear = (error: unknown) => void nobodys.push(error);
    process.on('uncaughtException', hear);
    try {
      const web = await caller();
      web.write('hello web 7\n');
      const puppet = await strings.next('web');
      puppet.tell('exit 3');
      web.destroy();
      await puppet.gone;
      expect(nobodys).toEqual([]);
    } finally {
      process.off('uncaughtException', hear);
    }
  });

  test('keep a puppet that comes too late for the next one who asks', async () => {
    await expect(strings.next('web', 1)).rejects.toThrow('no puppet called web within 1 ms');
    const web = await caller();
    web.write('hello web 7\n');
    expect(await strings.next('web')).toMatchObject({ name: 'web', guestPid: 7 });
  });

  test('cannot be held where nobody can listen', async () => {
    await expect(holdStrings(join(directory, 'nowhere/ctl'))).rejects.toThrow(/ENOENT|EACCES/);
  });

  test('say which puppet went without an answer, and to what', async () => {
    const web = await caller();
    web.write('hello web 7\n');
    const puppet = await strings.next('web');
    web.destroy();
    await puppet.gone;
    await expect(puppet.do('exit 3')).rejects.toThrow('the puppet is gone: web did not answer exit 3');
  });
});
