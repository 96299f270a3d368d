import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

/** What is put into an initramfs: a tree of the host under a path of the machine. */
export type Tree = { readonly from: string; readonly to: string };

type Entry = { readonly name: string; readonly mode: number; readonly data: Buffer };

/**
 * Writes trees as a cpio archive in the "newc" format, which is what the kernel unpacks
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Later entries win.
 */
export async function writeCpio(path: string, trees: readonly Tree[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    const made = new Set<string>();
    for (const { from, to } of trees) {
      await makeParents(file, to, made);
      await writeTree(file, from, { to: to.replace(/^\/+/, ''), made });
    }
    await writeEntry(file, { name: 'TRAILER!!!', mode: 0, data: Buffer.alloc(0) });
  } finally {
    await file.close();
  }
}

async function makeParents(file: FileHandle, path: string, made: Set<string>): Promise<void> {
  const parts = path.split('/').filter((part) => part !== '');
  for (let depth = 1; depth < parts.length; depth++) {
    const name = parts.slice(0, depth).join('/');
    if (made.has(name)) continue;
    made.add(name);
    await writeEntry(file, { name, mode: 0o040755, data: Buffer.alloc(0) });
  }
}

type Place = { readonly to: string; readonly made: Set<string> };

async function writeTree(file: FileHandle, from: string, { to, made }: Place): Promise<void> {
  const found = lstatSync(from);
  const content = found.isSymbolicLink()
    ? Buffer.from(readlinkSync(from))
    : found.isFile()
      ? readFileSync(from)
      : Buffer.alloc(0);
  if (to !== '' && !(found.isDirectory() && made.has(to)))
    await writeEntry(file, { name: to, mode: found.mode, data: content });
  if (!found.isDirectory()) return;
  made.add(to);
  for (const name of readdirSync(from))
    await writeTree(file, join(from, name), { to: to === '' ? name : `${to}/${name}`, made });
}

async function writeEntry(file: FileHandle, { name, mode, data }: Entry): Promise<void> {
  // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
  const numbers = [0, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, Buffer.byteLength(name) + 1, 0];
  const head = `070701${numbers.map((number) => number.toString(16).padStart(8, '0')).join('')}${name}\0`;
  await file.write(padded(Buffer.from(head)));
  await file.write(padded(data));
}

function padded(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}
