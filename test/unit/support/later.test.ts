import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { beside, codeOf, end } from '../../support/child.ts';
import { later, within } from '../../support/later.ts';
import { settle } from '../../support/settle.ts';

// As Vitest sees it: with a listener of ours it leaves the judgement to us.
const nobodys: unknown[] = [];
const hear = (reason: unknown) => void nobodys.push(reason);

beforeEach(() => {
  nobodys.length = 0;
  process.on('unhandledRejection', hear).on('uncaughtException', hear);
});
afterEach(() => {
  process.off('unhandledRejection', hear).off('uncaughtException', hear);
});

describe('what is awaited later', () => {
  test('may be rejected before that, and is rejected for whoever awaits it', async () => {
    const refused = later(Promise.reject(new Error('no')));
    await settle();
    expect(nobodys).toEqual([]);
    await expect(refused).rejects.toThrow('no');
  });

  test('would otherwise be an error that is nobody’s', async () => {
    void Promise.reject(new Error('no'));
    await settle();
    expect(nobodys).toEqual([new Error('no')]);
  });
});

describe('what has to be over within a time', () => {
  test('is what comes of it when it is, rejections included', async () => {
    expect(await within(10_000, Promise.resolve(7), () => 'late')).toBe(7);
    await expect(within(10_000, Promise.reject(new Error('no')), () => 'late')).rejects.toThrow('no');
  });

  test('says so when it is not, and its own rejection comes to nobody after that', async () => {
    let fail: (error: Error) => void = () => {};
    const work = new Promise((_, reject) => {
      fail = reject;
    });
    await expect(within(1, work, () => 'late')).rejects.toThrow('late');
    fail(new Error('no'));
    await settle();
    expect(nobodys).toEqual([]);
  });
});

describe('a program beside a test', () => {
  test('that cannot be started is an error of whoever waits for its end alone', async () => {
    const child = beside(spawn('/nowhere/to-be-found'));
    await settle();
    await expect(codeOf(child)).rejects.toThrow('ENOENT');
    await expect(end(child)).rejects.toThrow('ENOENT');
    expect(nobodys).toEqual([]);
  });

  test('has a code whenever that is asked for, and 128 + its signal when it was killed', async () => {
    const child = beside(spawn('sh', ['-c', 'exit 3']));
    expect([await codeOf(child), await codeOf(child)]).toEqual([3, 3]);
    const killed = beside(spawn('sleep', ['1000']));
    await end(killed, 'SIGTERM');
    expect(await codeOf(killed)).toBe(143);
  });

  test('need not read what it is told', async () => {
    const deaf = beside(spawn('sh', ['-c', 'exec 0<&-; echo; exec sleep 1000']));
    await once(deaf.stdout, 'data');
    deaf.stdin.write('hello');
    await new Promise((resolve) => deaf.stdin.once('close', resolve));
    await end(deaf);
    expect(nobodys).toEqual([]);
  });
});
