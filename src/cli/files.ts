import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { FileKind, FileRead, FileSource } from '../project/request.ts';

/** The host's files, as the loader sees them. */
export const hostFiles: FileSource = { kind: fileKind, read: readFile };

function fileKind(path: string): FileKind {
  try {
    const stat = statSync(path);
    if (stat.isFile()) return 'file';
    return stat.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    // What stands in the way of anything else is said by the attempt to read it.
    return ['ENOENT', 'ENOTDIR'].includes(codeOf(error)) ? 'missing' : 'file';
  }
}

function readFile(path: string, limit: number): FileRead {
  let fd: number;
  try {
    // Without O_NONBLOCK a FIFO that took the file's place would stop us here.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return { ok: false, code: codeOf(error) };
  }
  try {
    return readAll(fd, limit);
  } catch (error) {
    return { ok: false, code: codeOf(error) };
  } finally {
    closeSync(fd);
  }
}

/** The size is only a guess: files of /proc have none, and others may grow. */
function readAll(fd: number, limit: number): FileRead {
  const stat = fstatSync(fd);
  if (stat.isDirectory()) return { ok: false, code: 'EISDIR' };
  if (stat.size > limit) return { ok: false, code: 'EFBIG' };
  let bytes = Buffer.allocUnsafe(Math.max(stat.size + 1, 4096));
  let length = 0;
  for (;;) {
    const count = readSync(fd, bytes, length, bytes.length - length, null);
    if (count === 0) return { ok: true, bytes: bytes.subarray(0, length) };
    length += count;
    if (length > limit) return { ok: false, code: 'EFBIG' };
    if (length === bytes.length) bytes = Buffer.concat([bytes, Buffer.allocUnsafe(bytes.length)]);
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'EIO';

/** All of standard input; longer than `limit` bytes is cut there, which the loader then refuses as too large. */
export function readStdin(limit: number): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  while (length <= limit) {
    const part = Buffer.allocUnsafe(65536);
    const count = readSome(part);
    if (count === 0) break;
    parts.push(part.subarray(0, count));
    length += count;
  }
  return Buffer.concat(parts);
}

function readSome(into: Buffer): number {
  for (;;) {
    try {
      return readSync(0, into, 0, into.length, null);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EOF') return 0;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
