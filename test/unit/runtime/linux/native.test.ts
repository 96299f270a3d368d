import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { buildNative } from '../../../../scripts/build-native.mjs';
import type { Native } from '../../../../src/runtime/linux/native.ts';

const directory = mkdtempSync(join(tmpdir(), 'tsc-native-'));
afterAll(() => rmSync(directory, { recursive: true }));

const [AF_UNIX, SOCK_DGRAM, SOL_SOCKET, SO_RCVBUF, SO_COOKIE] = [1, 2, 1, 8, 57];
const LOCK_EX_NB = 2 | 4;

describe.each([
  ['the addon', buildNative()],
  ['koffi, where there is no addon', '/nowhere/tsc-shim'],
])('system calls by %s', (_, shim) => {
  let native: Native;
  beforeEach(async () => {
    vi.stubEnv('TSCOMPOSE_SHIM', shim);
    vi.resetModules();
    native = await (await import('../../../../src/runtime/linux/native.ts')).loadNative();
  });
  afterEach(() => vi.unstubAllEnvs());

  test('a lock that somebody holds is not had', () => {
    const path = join(directory, 'lock');
    writeFileSync(path, '');
    const [one, other] = [openSync(path, 'r'), openSync(path, 'r')];
    expect(native.flock(one, LOCK_EX_NB)).toBe(true);
    expect(native.flock(other, LOCK_EX_NB)).toBe(false);
    native.close(one);
    expect(native.flock(other, LOCK_EX_NB)).toBe(true);
    native.close(other);
  });

  test('what the kernel refuses has its name and that of the call', () => {
    expect(() => native.close(12_345)).toThrow(expect.objectContaining({ call: 'close', code: 'EBADF' }));
    expect(() => native.connect(12_345, Buffer.alloc(2))).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => native.close(3.7)).toThrow('no integer');
  });

  test('sockets have options, and say when nothing comes', () => {
    const socket = native.socket(AF_UNIX, SOCK_DGRAM, 0);
    native.setSocketOption(socket, SOL_SOCKET, { name: SO_RCVBUF, value: 65_536 });
    expect(native.wideSocketOption(socket, SOL_SOCKET, SO_COOKIE)).toBeGreaterThan(0n);
    expect(native.wideSocketOption(socket, SOL_SOCKET, 9999)).toBeUndefined();
    expect(native.receive(socket, Buffer.alloc(8), 1)).toBe(0);
    native.close(socket);
  });

  test('a process is reached by its descriptor, or is not there', () => {
    const self = native.openProcess(process.pid);
    expect(self).toBeGreaterThan(2);
    native.signalProcess(self as number, 0);
    native.close(self as number);
    expect(native.openProcess(2 ** 22)).toBeUndefined();
  });

  test('attributes of files are read, those that are not there as well', () => {
    expect(native.attribute(directory, 'user.nothing')).toBeUndefined();
    expect(() => native.attribute(`${directory}/nothing`, 'user.nothing')).toThrow(
      expect.objectContaining({ code: 'ENOENT' }),
    );
  });
});
