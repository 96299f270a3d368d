import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { posix } from 'node:path';
import { err, ok, type Result } from '../../../util/result.ts';
import { errnoOf } from './elf-file.ts';
import { listNames } from './glob.ts';

/** One entry of a root filesystem that is about to be built. */
export type TreeEntry =
  | { readonly kind: 'directory'; readonly mode: number; readonly uid: number; readonly gid: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | {
      readonly kind: 'file';
      /** The host's file it is a copy of. */
      readonly source: string;
      readonly signature: string;
      readonly size: number;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      /** Seconds since the epoch: Python compares it with what its compiled files say. */
      readonly mtime: number;
    }
  | { readonly kind: 'bytes'; readonly bytes: Buffer; readonly mode: number };

export type TreeOptions = {
  /** Paths below the directory that are left out, with all below them. */
  readonly exclude?: RegExp | undefined;
  /** Only directories are watched for changes, not each file in them: right where a package manager replaces files. */
  readonly bulk?: boolean | undefined;
};

const maxLinks = 40;
const maxTreeEntries = 200_000;
const maxDepth = 64;
/** What is below these is the kernel's, not a file to copy. */
const kernelPaths = /^\/(proc|sys|dev)(\/|$)/;

/** What identifies the contents of a file without reading it. `-` stands for "is not there". */
export function signatureOf(stats: Stats | undefined, linkTarget?: string): string {
  if (stats === undefined) return '-';
  if (linkTarget !== undefined) return `> ${linkTarget}`;
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.mode}`;
}

/** The signature of what is at `path` now; symbolic links are not followed. */
export function currentSignature(path: string): string {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return signatureOf(stats, stats?.isSymbolicLink() ? readlinkSync(path) : undefined);
}

/**
 * A root filesystem in the making: which of the host's files it has, each at the very path that it has on the host. Links
 * on the way are kept as links, which gives usrmerge (`/bin` → `usr/bin`), library version links and alternatives alike.
 * Nothing is copied here.
 */
export class HostTree {
  readonly entries = new Map<string, TreeEntry>();
  /** What was looked at, and what was seen there: if all of it is unchanged, so is the tree. */
  readonly inputs = new Map<string, string>();
  /** Owners that stay; files of anybody else become root's. */
  readonly owners = new Set<number>();
  /** Directories taken over in bulk, where they really are. */
  readonly bulkRoots = new Set<string>();
  readonly #directories = new Map<string, string>();

  /** Notes that the tree depends on whether and what is at `path`. */
  watch(path: string): void {
    try {
      this.inputs.set(path, currentSignature(path));
    } catch {
      this.inputs.set(path, '-');
    }
  }

  /** Adds a file, or a directory without its contents, and all links that lead to it. The value is where it really is. */
  addPath(path: string): Result<string, string> {
    const name = posix.basename(path);
    if (name === '' || name === '.' || name === '..') return this.#walk(path);
    const parent = posix.dirname(path);
    const known = this.#directories.get(parent);
    const directory = known === undefined ? this.#walk(parent) : ok(known);
    if (!directory.ok) return directory;
    this.#directories.set(parent, directory.value);
    return this.#walk(`${directory.value}/${name}`);
  }

  #walk(path: string): Result<string, string> {
    const rest = [...components(path)];
    let at = '';
    let links = 0;
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        at = posix.dirname(at || '/').replace(/^\/$/, '');
        continue;
      }
      const next = `${at}/${name}`;
      const step = this.#enter(next);
      if (!step.ok) return step;
      if (step.value.kind === 'symlink') {
        if (++links > maxLinks) return err('too many symbolic links');
        rest.unshift(...components(step.value.target));
        if (step.value.target.startsWith('/')) at = '';
      } else if (rest.length > 0 && step.value.kind !== 'directory') {
        return err(`${next} is not a directory`);
      } else at = next;
    }
    return ok(at || '/');
  }

  /** Adds what is at `path`, whose parent is known to be a real directory. */
  #enter(path: string): Result<TreeEntry, string> {
    const present = this.entries.get(path);
    if (present !== undefined) return ok(present);
    if (kernelPaths.test(path)) return err(`${path} belongs to the kernel`);
    try {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats === undefined) {
        this.inputs.set(path, '-');
        return err('no such file or directory');
      }
      return this.#add(path, stats, true);
    } catch (cause) {
      return err(errnoOf(cause));
    }
  }

  #add(path: string, stats: Stats, isWatched: boolean): Result<TreeEntry, string> {
    const entry = this.#entryOf(path, stats);
    if (entry === undefined) return err('neither a file, a directory nor a link');
    this.entries.set(path, entry);
    // A directory on the way changes whenever a neighbour does; only what is in a whole tree is watched.
    if (!isWatched) return ok(entry);
    if (entry.kind === 'symlink') this.inputs.set(path, signatureOf(stats, entry.target));
    if (entry.kind === 'file') this.inputs.set(path, entry.signature);
    return ok(entry);
  }

  #entryOf(path: string, stats: Stats): TreeEntry | undefined {
    if (stats.isSymbolicLink()) return { kind: 'symlink', target: readlinkSync(path) };
    const isKept = this.owners.has(stats.uid);
    const [uid, gid] = isKept ? [stats.uid, stats.gid] : [0, 0];
    // Nothing from the host brings set-user-ID, set-group-ID or file capabilities with it.
    const mode = stats.mode & 0o777;
    if (stats.isDirectory()) return { kind: 'directory', mode: isKept ? mode : mode | 0o055, uid, gid };
    if (!stats.isFile()) return undefined;
    const mtime = Math.floor(stats.mtimeMs / 1000);
    return { kind: 'file', source: path, signature: signatureOf(stats), size: stats.size, mode, uid, gid, mtime };
  }

  /**
   * Adds a directory with all in it that can be read. A link in it that leads to a file elsewhere brings that file; one to
   * a directory stays a link. The value is the list of files that were added.
   */
  addTree(directory: string, { exclude, bulk = false }: TreeOptions = {}): Result<readonly string[], string> {
    const root = this.addPath(directory);
    if (!root.ok) return root;
    const files: string[] = [];
    const queue: { readonly path: string; readonly depth: number }[] = [{ path: root.value, depth: 0 }];
    while (true) {
      const next = queue.pop();
      if (next === undefined) break;
      this.watch(next.path);
      const names = listNames(next.path).filter(
        (name) => !exclude?.test(`${next.path}/${name}`.slice(root.value.length + 1)),
      );
      for (const path of names.map((name) => `${next.path}/${name}`)) {
        const kind = this.#addChild(path, !bulk);
        if (kind === 'directory' && next.depth < maxDepth) queue.push({ path, depth: next.depth + 1 });
        else if (kind === 'file') files.push(path);
        else if (kind === 'symlink') files.push(...this.#followToFile(path));
      }
      if (this.entries.size > maxTreeEntries) return err(`it has more than ${maxTreeEntries} files`);
    }
    if (bulk) this.bulkRoots.add(root.value);
    return ok(files);
  }

  /** undefined for what cannot be copied: a socket, or something that vanished. */
  #addChild(path: string, isWatched: boolean): TreeEntry['kind'] | undefined {
    const known = this.entries.get(path);
    if (known !== undefined) return known.kind;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    const entry = stats && this.#add(path, stats, isWatched);
    return entry?.ok ? entry.value.kind : undefined;
  }

  #followToFile(link: string): readonly string[] {
    try {
      if (!statSync(link).isFile()) return [];
    } catch {
      return [];
    }
    const target = this.#walk(link);
    return target.ok ? [target.value] : [];
  }

  /** A directory that need not be on the host; what is there already stays as it is. */
  addDirectory(
    path: string,
    attributes: { readonly mode: number; readonly uid?: number; readonly gid?: number },
  ): void {
    if (this.entries.has(path) || path === '/') return;
    const parent = posix.dirname(path);
    if (this.entries.get(parent)?.kind === 'symlink') return;
    this.addDirectory(parent, { mode: 0o755 });
    this.entries.set(path, {
      kind: 'directory',
      mode: attributes.mode,
      uid: attributes.uid ?? 0,
      gid: attributes.gid ?? 0,
    });
  }

  /** A file of our own making; it takes the place of what the host has there. */
  addBytes(path: string, bytes: Buffer | string): void {
    this.addDirectory(posix.dirname(path), { mode: 0o755 });
    this.entries.set(path, { kind: 'bytes', bytes: Buffer.from(bytes), mode: 0o644 });
  }

  addLink(path: string, target: string): void {
    if (this.entries.has(path)) return;
    this.addDirectory(posix.dirname(path), { mode: 0o755 });
    this.entries.set(path, { kind: 'symlink', target });
  }
}

const components = (path: string): readonly string[] => path.split('/').filter((name) => name !== '' && name !== '.');
