import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  futimesSync,
  lchownSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import type { ManifestEntry } from './trees.ts';

/** What one entry of an archive asks for, numbers already checked. */
export type UnpackEntry = {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
};

/** The archive is at fault; the message completes "cannot unpack FILE: …". */
export class BadArchive extends Error {}

type Directory = {
  readonly kind: 'directory';
  /** On the host. */
  readonly path: string;
  readonly children: Map<string, Node>;
  attributes: UnpackEntry | undefined;
};
type Node =
  | Directory
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'file'; readonly size: { bytes: number } };

type Place = { readonly parent: Directory; readonly name: string; readonly path: string };

const maxLinks = 40;
const maxNameBytes = 255;
const maxPathBytes = 4095;

/**
 * Writes the entries of an archive below a directory that nobody else has access to. Each path is resolved in a model of
 * what has been written, not on the disk: links are followed inside the root, as openat2(2) does with RESOLVE_IN_ROOT, so
 * that no entry reaches anything outside, whatever entries before it have made of its parents (CVE-2021-29136 and its
 * family). The last component of a path is never followed.
 */
export class Unpacker {
  readonly #root: Directory;
  readonly #isRoot = process.getuid?.() === 0;

  constructor(root: string) {
    mkdirSync(root, { mode: 0o700 });
    this.#root = { kind: 'directory', path: root, children: new Map(), attributes: undefined };
  }

  directory(entry: UnpackEntry): void {
    const place = this.#place(entry.name);
    if (place === undefined) {
      this.#root.attributes = entry;
      return;
    }
    const present = place.parent.children.get(place.name);
    const directory = present?.kind === 'directory' ? present : this.#makeDirectory(place);
    directory.attributes = entry;
  }

  /** The value takes the contents, and is to be closed with the number of bytes that were written. */
  file(entry: UnpackEntry): { write(chunk: Buffer): void; close(): void } {
    const place = this.#emptyPlace(entry.name);
    const size = { bytes: 0 };
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const fd = openSync(place.path, flags, 0o600);
    place.parent.children.set(place.name, { kind: 'file', size });
    return {
      write(chunk) {
        for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
        size.bytes += chunk.length;
      },
      close: () => {
        try {
          // chown(2) clears the set-user-ID bits, so that the mode comes after it.
          if (this.#isRoot) fchownSync(fd, entry.uid, entry.gid);
          fchmodSync(fd, entry.mode);
          futimesSync(fd, entry.mtime, entry.mtime);
        } finally {
          closeSync(fd);
        }
      },
    };
  }

  symlink(entry: UnpackEntry, target: string): void {
    const place = this.#emptyPlace(entry.name);
    if (target === '' || target.includes('\0') || Buffer.byteLength(target) > maxPathBytes) {
      throw new BadArchive(`the symbolic link "${entry.name}" has no usable target`);
    }
    symlinkSync(target, place.path);
    if (this.#isRoot) lchownSync(place.path, entry.uid, entry.gid);
    lutimesSync(place.path, entry.mtime, entry.mtime);
    place.parent.children.set(place.name, { kind: 'symlink', target });
  }

  hardLink(entry: UnpackEntry, target: string): void {
    const origin = this.#existing(target);
    const place = this.#place(entry.name);
    if (place === undefined) throw new BadArchive('the root itself is a link');
    if (origin?.place.path === place.path) return;
    this.#clear(place);
    // Clearing may have taken the target with it.
    const node = origin && this.#existing(target)?.node;
    if (origin === undefined || node === undefined || node.kind === 'directory') {
      throw new BadArchive(`"${entry.name}" is a hard link to "${target}", which is no file of the archive`);
    }
    linkSync(origin.place.path, place.path);
    place.parent.children.set(place.name, node);
  }

  /** Attributes of directories come last: writing into one changes its time, and its mode may forbid it. */
  finish(): readonly ManifestEntry[] {
    const manifest: ManifestEntry[] = [];
    this.#finishDirectory(this.#root, '', manifest);
    return manifest;
  }

  #finishDirectory(top: Directory, topPath: string, manifest: ManifestEntry[]): void {
    const order: Directory[] = [];
    const queue: { readonly directory: Directory; readonly path: string }[] = [{ directory: top, path: topPath }];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      order.push(next.directory);
      for (const [name, node] of next.directory.children) {
        const path = `${next.path}/${name}`;
        if (node.kind === 'directory') {
          manifest.push([path, 'directory', 0, 0, 0]);
          queue.push({ directory: node, path });
        } else if (node.kind === 'symlink') manifest.push([path, 'symlink', node.target]);
        else manifest.push([path, 'file', node.size.bytes]);
      }
    }
    for (const { path, attributes } of order.reverse()) {
      if (attributes !== undefined && this.#isRoot) lchownSync(path, attributes.uid, attributes.gid);
      chmodSync(path, attributes?.mode ?? 0o755);
      if (attributes !== undefined) utimesSync(path, attributes.mtime, attributes.mtime);
    }
  }

  /** Where an entry goes, its parents made; undefined for the root itself. */
  #place(name: string): Place | undefined {
    const components = this.#components(name);
    const last = components.pop();
    if (last === undefined) return undefined;
    const parent = this.#walk(components, true);
    if (parent === undefined) throw new BadArchive(`the parent of "${name}" cannot be made`);
    return { parent, name: last, path: `${parent.path}/${last}` };
  }

  #emptyPlace(name: string): Place {
    const place = this.#place(name);
    if (place === undefined) throw new BadArchive('the root itself is not a directory');
    this.#clear(place);
    return place;
  }

  #clear({ parent, name, path }: Place): void {
    if (parent.children.delete(name)) rmSync(path, { recursive: true, force: true });
  }

  #makeDirectory(place: Place): Directory {
    this.#clear(place);
    mkdirSync(place.path, { mode: 0o700 });
    const made: Directory = { kind: 'directory', path: place.path, children: new Map(), attributes: undefined };
    place.parent.children.set(place.name, made);
    return made;
  }

  #existing(name: string): { readonly place: Place; readonly node: Node } | undefined {
    const components = this.#components(name);
    const last = components.pop();
    const parent = last === undefined ? undefined : this.#walk(components, false);
    const node = parent?.children.get(last ?? '');
    if (last === undefined || parent === undefined || node === undefined) return undefined;
    return { place: { parent, name: last, path: `${parent.path}/${last}` }, node };
  }

  #components(name: string): string[] {
    if (name.includes('\0')) throw new BadArchive('a name in it contains a NUL');
    if (Buffer.byteLength(name) > maxPathBytes) throw new BadArchive('a name in it is too long');
    const components = name.split('/').filter((component) => component !== '' && component !== '.');
    for (const component of components) {
      if (component === '..') throw new BadArchive(`the entry "${name}" leads out of its root`);
      if (Buffer.byteLength(component) > maxNameBytes) throw new BadArchive('a name in it is too long');
    }
    return components;
  }

  /** `make`: what is missing is made, and what is in the way and no directory is replaced by one. */
  #walk(components: readonly string[], make: boolean): Directory | undefined {
    const rest = [...components];
    const above: Directory[] = [];
    let at = this.#root;
    let links = 0;
    for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
      if (name === '..') {
        at = above.pop() ?? this.#root;
        continue;
      }
      const node = at.children.get(name);
      if (node?.kind === 'symlink') {
        if (++links > maxLinks) throw new BadArchive('it has a loop of symbolic links');
        rest.unshift(...node.target.split('/').filter((part) => part !== '' && part !== '.'));
        if (!node.target.startsWith('/')) continue;
        above.length = 0;
        at = this.#root;
        continue;
      }
      if (node?.kind !== 'directory' && !make) return undefined;
      above.push(at);
      at = node?.kind === 'directory' ? node : this.#makeDirectory({ parent: at, name, path: `${at.path}/${name}` });
    }
    return at;
  }
}
