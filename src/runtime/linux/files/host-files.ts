import { randomBytes } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import {
  chmod,
  chown,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  unlink,
  utimes,
} from 'node:fs/promises';
import { join } from 'node:path';
import { type CopyEntry, type CopySink, type FirstName, firstNames, type LeftOut } from './entry.ts';

/** A file, link or directory of the host with all below it. */
export async function* hostEntries(
  path: string,
  { follow, leftOut }: { readonly follow: boolean; readonly leftOut: LeftOut },
): AsyncGenerator<CopyEntry> {
  const waiting = [''];
  const firstName = firstNames();
  for (let below = waiting.pop(); below !== undefined; below = waiting.pop()) {
    const at = join(path, below);
    const found = await (follow && below === '' ? stat(at) : lstat(at));
    const entry = await hostEntry(at, { below, found, firstName });
    if (entry === undefined) leftOut(at, found.isFIFO() ? 'fifo' : found.isSocket() ? 'socket' : 'device');
    else yield entry;
    if (!found.isDirectory()) continue;
    const prefix = below === '' ? '' : `${below}/`;
    waiting.push(
      ...(await readdir(at))
        .sort()
        .reverse()
        .map((name) => `${prefix}${name}`),
    );
  }
}

type Found = { readonly below: string; readonly found: Stats; readonly firstName: FirstName };

async function hostEntry(at: string, { below, found, firstName }: Found): Promise<CopyEntry | undefined> {
  const common = { path: below, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid, mtimeMs: found.mtimeMs };
  if (found.isSymbolicLink()) return { ...common, kind: 'symlink', text: await readlink(at) };
  if (found.isDirectory()) return { ...common, kind: 'directory' };
  if (!found.isFile()) return undefined;
  const first = firstName({ id: `${found.dev} ${found.ino}`, links: found.nlink, path: below });
  if (first !== undefined) return { ...common, kind: 'link', first };
  const content = found.size === 0 ? empty() : createReadStream(at, { highWaterMark: 1 << 18 });
  return { ...common, kind: 'file', size: found.size, content };
}

async function* empty(): AsyncGenerator<Uint8Array> {}

/** A refusal of ours, in words: the kernel would have done it. */
export class CopyRefused extends Error {
  override readonly name = 'CopyRefused';
}

/**
 * Onto the host. What comes out of a container is not trusted: nothing is written through a symbolic link below the place
 * that was named, whoever made it.
 */
export function hostSink(target: string, { archive }: { readonly archive: boolean }): CopySink {
  const directories: (() => Promise<void>)[] = [];
  const files = new Map<string, string>();
  return {
    put: async (entry) => {
      const at = entry.path === '' ? target : join(target, checked(entry.path));
      const there = await (entry.path === '' ? stat(at) : lstat(at)).catch(absent);
      if (entry.kind === 'directory') {
        await makeDirectory(at, there);
        // The place that was named is not ours to change.
        if (there === undefined || entry.path !== '') directories.push(() => settle(at, entry, archive));
        return;
      }
      if (there?.isDirectory()) throw new CopyRefused(`${at} is a directory, and a file cannot take its place`);
      if (entry.kind === 'file') {
        files.set(entry.path, at);
        return putFile(at, entry, archive);
      }
      if (entry.kind === 'link') return putHardLink(at, entry, files.get(entry.first));
      await putLink(at, entry, { archive, replaces: there !== undefined });
    },
    finish: async () => {
      for (const last of directories.reverse()) await last();
    },
  };
}

async function makeDirectory(at: string, there: Stats | undefined): Promise<void> {
  if (there === undefined) await mkdir(at, { mode: 0o700 });
  else if (!there.isDirectory()) throw new CopyRefused(`${at} is there and is no directory`);
}

async function putLink(
  at: string,
  { text, uid, gid, mtimeMs }: Extract<CopyEntry, { kind: 'symlink' }>,
  { archive, replaces }: { readonly archive: boolean; readonly replaces: boolean },
): Promise<void> {
  if (replaces) await unlink(at);
  await symlink(text, at);
  if (archive) await lchown(at, uid, gid);
  await lutimes(at, new Date(), mtimeMs / 1000);
}

async function putFile(at: string, entry: Extract<CopyEntry, { kind: 'file' }>, archive: boolean): Promise<void> {
  const draft = draftOf(at);
  try {
    await writeFresh(draft, entry.content);
    await settle(draft, entry, archive);
    await rename(draft, at);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Only to what this copy has brought: a name that was there before may lead anywhere. */
async function putHardLink(
  at: string,
  { path, first }: Extract<CopyEntry, { kind: 'link' }>,
  from: string | undefined,
): Promise<void> {
  if (from === undefined) throw new CopyRefused(`"${path}" is to be the same file as "${first}", which is not copied`);
  const draft = draftOf(at);
  await link(from, draft);
  try {
    await rename(draft, at);
  } finally {
    // Two names of one file are not renamed over each other, and both stay.
    await rm(draft, { force: true });
  }
}

const draftOf = (at: string): string => `${at}.${randomBytes(6).toString('hex')}`;

async function settle(at: string, { uid, gid, mode, mtimeMs }: CopyEntry, archive: boolean): Promise<void> {
  if (archive) await chown(at, uid, gid);
  // After the owner: chown(2) clears the set-id bits.
  await chmod(at, mode);
  await utimes(at, new Date(), mtimeMs / 1000);
}

const blockBytes = 4096;

/** Blocks of zeros become holes: what was sparse in the container stays so. */
async function writeFresh(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    let at = 0;
    for await (const bytes of content) {
      if (bytes.length < blockBytes || !isZero(bytes)) await file.write(bytes, 0, bytes.length, at);
      at += bytes.length;
    }
    await file.truncate(at);
  } finally {
    await file.close();
  }
}

function isZero(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return buffer[0] === 0 && buffer.compare(buffer, 1, buffer.length, 0, buffer.length - 1) === 0;
}

/** Names come from the kernel's listing of a directory, but by way of a container. */
function checked(path: string): string {
  const parts = path.split('/');
  if (parts.some((part) => part === '' || part === '.' || part === '..')) throw new CopyRefused(`"${path}" is no path`);
  return path;
}

const absent = (error: NodeJS.ErrnoException): Stats | undefined => {
  if (error.code === 'ENOENT') return undefined;
  throw error;
};
