import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
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
        if (exists(this.path(name))) return name;
      }
      const name = await this.#copy(entry);
      // What is copied while somebody writes to it may be neither the old nor the new contents.
      if (currentSignature(entry.source) === entry.signature) return name;
      if (attempt === attempts) throw new ChangedWhileRead(entry.source);
    }
  }

  path(name: string): string {
    return `${this.#store.objects}/${name.slice(0, 2)}/${name}`;
  }

  async #copy(entry: FileEntry): Promise<string> {
    const temporary = scratchPath(this.#store);
    try {
      const isLarge = entry.size > largeBytes;
      // A copy of its own, never the host's inode: shared page cache would let one hole reach the other.
      if (isLarge) await copyFile(entry.source, temporary, constants.COPYFILE_FICLONE);
      else copyFileSync(entry.source, temporary, constants.COPYFILE_FICLONE);
      const sha256 = isLarge ? await hashInTurns(temporary) : hashNow(temporary);
      chownSync(temporary, entry.uid, entry.gid);
      chmodSync(temporary, entry.mode);
      utimesSync(temporary, entry.mtime, entry.mtime);

      const name = objectName(sha256, entry);
      this.#publish(temporary, this.path(name));
      this.#hashes.set(entry.source, [entry.signature, sha256]);
      this.#isChanged = true;
      return name;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  #publish(temporary: string, path: string): void {
    try {
      linkSync(temporary, path);
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      if (code === 'EEXIST') {
        this.#replaceIfDamaged(temporary, path);
      } else if (code === 'ENOENT') {
        mkdirSync(path.slice(0, path.lastIndexOf('/')), { recursive: true, mode: 0o700 });
        linkSync(temporary, path);
      } else throw cause;
    }
  }

  /** After a power cut a file may be there without all of its contents. */
  #replaceIfDamaged(temporary: string, path: string): void {
    if (statSync(path).size === statSync(temporary).size) return;
    unlinkSync(path);
    linkSync(temporary, path);
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

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function readHashes(store: Store): { readonly [path: string]: readonly [string, string] } {
  const hashes = readJson(store.hashes);
  return typeof hashes === 'object' && hashes !== null ? (hashes as { [path: string]: [string, string] }) : {};
}

function hashNow(path: string): string {
  const chunks = hashChunks(path);
  for (let step = chunks.next(); ; step = chunks.next()) if (step.done) return step.value;
}

/** Lets timers and input have their turn between two chunks. */
export async function hashInTurns(path: string): Promise<string> {
  const chunks = hashChunks(path);
  for (let count = 0; ; count++) {
    const step = chunks.next();
    if (step.done) return step.value;
    if (count % 16 === 15) await new Promise((resolve) => setImmediate(resolve));
  }
}

function* hashChunks(path: string): Generator<undefined, string> {
  const hash = createHash('sha256');
  const fd = openSync(path, constants.O_RDONLY);
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (let count = readSync(fd, buffer); count > 0; count = readSync(fd, buffer)) {
      hash.update(buffer.subarray(0, count));
      yield undefined;
    }
    return hash.digest('hex');
  } finally {
    closeSync(fd);
  }
}
