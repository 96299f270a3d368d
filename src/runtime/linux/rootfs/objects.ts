import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { copyFile } from 'node:fs/promises';
import type { TreeEntry } from './host-tree.ts';
import { currentSignature } from './host-tree.ts';
import { readJson, type Store, scratchPath, writeJson } from './store.ts';

type FileEntry = Extract<TreeEntry, { kind: 'file' }>;

/** Above this a copy is worth a thread of the pool, so that the event loop stays free. */
const largeBytes = 1 << 20;
const chunkBytes = 1 << 20;
const attempts = 3;

/** Copies of host files, each once for all trees. Remembers the hashes of files that have not changed. */
export class Objects {
  readonly #store: Store;
  readonly #hashes: Map<string, readonly [signature: string, sha256: string]>;
  #isChanged = false;

  constructor(store: Store) {
    this.#store = store;
    this.#hashes = new Map(Object.entries(readHashes(store)));
  }

  /** The name of the object with this file's contents and attributes; copies the file unless the store has it. */
  async add(entry: FileEntry): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const known = this.#hashes.get(entry.source);
      if (known?.[0] === entry.signature) {
        const name = objectName(known[1], entry);
        if (existsSync(this.path(name))) return name;
      }
      const name = await this.#copy(entry);
      // What is copied while somebody writes to it may be neither the old nor the new contents.
      if (currentSignature(entry.source) === entry.signature) return name;
      if (attempt === attempts) throw new ChangedWhileRead(entry.source);
    }
  }

  path(name: string): string {
    return `${this.#store.objects}/${name}`;
  }

  async #copy(entry: FileEntry): Promise<string> {
    const temporary = scratchPath(this.#store);
    try {
      const sha256 =
        entry.size > largeBytes ? await this.#copyLarge(entry, temporary) : this.#copySmall(entry, temporary);
      const name = objectName(sha256, entry);
      if (existsSync(temporary)) this.#publish(temporary, name, entry);
      this.#hashes.set(entry.source, [entry.signature, sha256]);
      this.#isChanged = true;
      return name;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  // Always a copy of its own, never the host's inode: shared page cache would let one hole in the kernel reach the other.
  async #copyLarge(entry: FileEntry, temporary: string): Promise<string> {
    await copyFile(entry.source, temporary, constants.COPYFILE_FICLONE);
    return hashFile(temporary);
  }

  #copySmall(entry: FileEntry, temporary: string): string {
    const bytes = readFileSync(entry.source);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const present = statSync(this.path(objectName(sha256, entry)), { throwIfNoEntry: false });
    if (present?.size !== bytes.length) writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o600 });
    return sha256;
  }

  /** By rename: whoever was first loses its name, not its inode, and what a power cut has damaged is replaced. */
  #publish(temporary: string, name: string, { uid, gid, mode, mtime }: FileEntry): void {
    chownSync(temporary, uid, gid);
    chmodSync(temporary, mode);
    utimesSync(temporary, mtime, mtime);
    renameSync(temporary, this.path(name));
  }

  /** Puts the object into a tree. A file can have only so many links (65,000 on ext4); then a copy has to do. */
  link(name: string, target: string): void {
    try {
      linkSync(this.path(name), target);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EMLINK') throw cause;
      const { uid, gid, mode, mtime } = statSync(this.path(name));
      copyFileSync(this.path(name), target, constants.COPYFILE_FICLONE);
      chownSync(target, uid, gid);
      chmodSync(target, mode & 0o7777);
      utimesSync(target, mtime, mtime);
    }
  }

  save(): void {
    if (this.#isChanged) writeJson(this.#store, this.#store.hashes, Object.fromEntries(this.#hashes));
    this.#isChanged = false;
  }
}

export class ChangedWhileRead extends Error {
  constructor(path: string) {
    super(`${path} keeps changing while it is copied`);
  }
}

const objectName = (sha256: string, { mode, uid, gid, mtime }: FileEntry): string =>
  `${sha256}-${mode.toString(8)}-${uid}-${gid}-${mtime}`;

function readHashes(store: Store): { readonly [path: string]: readonly [string, string] } {
  const hashes = readJson(store.hashes);
  return typeof hashes === 'object' && hashes !== null ? (hashes as { [path: string]: [string, string] }) : {};
}

/** Lets timers and input have their turn now and then. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkBytes);
  const fd = openSync(path, constants.O_RDONLY);
  try {
    for (let turn = 1; ; turn++) {
      const count = readSync(fd, buffer, 0, chunkBytes, null);
      if (count === 0) return hash.digest('hex');
      hash.update(buffer.subarray(0, count));
      if (turn % 16 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    closeSync(fd);
  }
}
