import { describe, expect, it } from 'vitest';
import { loadText } from '../../support/load.ts';
import type { MemoryFile } from '../../support/memory-files.ts';

const codesOf = (file: MemoryFile) =>
  loadText('', { files: ['x.yml'], more: { 'x.yml': file } }).diagnostics.map(({ code }) => code);

describe('a stack file that is no text', () => {
  it.each<readonly [string, MemoryFile, string]>([
    ['a directory', { kind: 'directory' }, 'file-unreadable'],
    ['a FIFO or a device', { kind: 'other' }, 'file-unreadable'],
    ['without permission to read it', { code: 'EACCES' }, 'file-unreadable'],
    ['of a length that no stack file has', { code: 'EFBIG' }, 'file-too-large'],
    ['invalid UTF-8', new Uint8Array([0x61, 0xff, 0xfe]), 'file-not-text'],
    ['with a NUL byte', 'name: a\0b', 'file-not-text'],
  ])('%s is refused', (_what, file, code) => {
    expect(codesOf(file)).toEqual([code]);
  });
});
