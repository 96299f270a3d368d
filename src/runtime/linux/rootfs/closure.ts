import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { type ElfFile, machineNames } from './elf.ts';
import { readProgramFile } from './elf-file.ts';
import { expandGlob } from './glob.ts';
import { type CacheEntry, readCache } from './ld-cache.ts';

/** Where the host's loader looks; the defaults are those of ld.so(8). Tests put a directory of their own here. */
export type LoaderFiles = {
  readonly cache: string;
  readonly config: string;
  /** Trusted directories; undefined: those of the machine. */
  readonly directories?: readonly string[];
};

export const hostLoaderFiles: LoaderFiles = { cache: '/etc/ld.so.cache', config: '/etc/ld.so.conf' };

/** All that a program maps at start. Paths are as the loader opens them: links in them are still to be followed. */
export type Closure = {
  readonly files: ReadonlySet<string>;
  /** By the name under which they are asked for. */
  readonly libraries: ReadonlyMap<string, string>;
  readonly missing: readonly MissingLibrary[];
};

export type MissingLibrary = { readonly name: string; readonly neededBy: string };

/** Files that any program's closure depends on, for a cache that wants to know when to look again. */
export const loaderInputs = (files: LoaderFiles): readonly string[] => [files.cache, files.config];

type Loaded = {
  readonly path: string;
  /** What `$ORIGIN` stands for in it. */
  readonly origin: string;
  readonly elf: ElfFile;
  /** Whoever needed it first: DT_RPATH is inherited along this chain. */
  readonly parent?: Loaded;
};

/** Follows DT_NEEDED as ld.so(8) does. One per build: it remembers what it has read. */
export class LibrarySearch {
  readonly #files: LoaderFiles;
  readonly #elves = new Map<string, ElfFile | undefined>();
  #cached: ReadonlyMap<string, readonly string[]> | undefined;
  #configured: readonly string[] | undefined;

  constructor(files: LoaderFiles = hostLoaderFiles) {
    this.#files = files;
  }

  /** undefined for what is no 64-bit little-endian ELF file. */
  elf(path: string): ElfFile | undefined {
    if (!this.#elves.has(path)) {
      const file = readProgramFile(path);
      this.#elves.set(path, file.ok && file.value.kind === 'elf' ? file.value.elf : undefined);
    }
    return this.#elves.get(path);
  }

  /** `path`: a program, or a module that some program opens with dlopen(3). */
  closure(path: string, elf: ElfFile): Closure {
    const files = new Set<string>();
    const libraries = new Map<string, string>();
    const missing: MissingLibrary[] = [];
    if (elf.interpreter !== undefined) files.add(elf.interpreter);

    const isMusl = /\/ld-musl-[^/]*$/.test(elf.interpreter ?? '');
    const queue: Loaded[] = [{ path, origin: dirname(realpathSync(path)), elf }];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      for (const name of next.elf.needed) {
        if (libraries.has(name) || (isMusl && isMuslItself(name))) continue;
        const found = this.#find(name, next, isMusl);
        if (found === undefined) {
          missing.push({ name, neededBy: next.path });
          continue;
        }
        libraries.set(name, found.path);
        if (found.elf.soname !== undefined && !libraries.has(found.elf.soname)) {
          libraries.set(found.elf.soname, found.path);
        }
        files.add(found.path);
        queue.push(found);
      }
    }
    return { files, libraries, missing };
  }

  /** A library that is opened by name at run time, for a program of this machine. */
  named(name: string, machine: number): string | undefined {
    const asker: Loaded = { path: '', origin: '/', elf: { machine, needed: [], rpath: [], runpath: [] } };
    return this.#find(name, asker, false)?.path;
  }

  #find(name: string, asker: Loaded, isMusl: boolean): Loaded | undefined {
    for (const candidate of this.#candidates(name, asker, isMusl)) {
      const elf = this.elf(candidate);
      if (elf === undefined || elf.machine !== asker.elf.machine) continue;
      return { path: candidate, origin: dirname(candidate), elf, parent: asker };
    }
    return undefined;
  }

  *#candidates(name: string, asker: Loaded, isMusl: boolean): Generator<string> {
    if (name.includes('/')) {
      yield* expandTokens(name, asker);
      return;
    }
    // A library with DT_RUNPATH ignores DT_RPATH altogether, its own and what it would inherit.
    if (asker.elf.runpath.length === 0) {
      for (let from: Loaded | undefined = asker; from !== undefined; from = from.parent) {
        if (from.elf.runpath.length === 0) yield* inDirectories(name, from.elf.rpath, from);
      }
    }
    yield* inDirectories(name, asker.elf.runpath, asker);
    const machine = machineNames[asker.elf.machine] ?? '';
    if (isMusl) {
      yield* inDirectories(name, this.#muslDirectories(machine), asker);
      return;
    }
    yield* this.#cache().get(name) ?? [];
    yield* inDirectories(name, this.#configuredDirectories(), asker);
    yield* inDirectories(name, this.#files.directories ?? defaultDirectories(machine), asker);
  }

  #cache(): ReadonlyMap<string, readonly string[]> {
    if (this.#cached !== undefined) return this.#cached;
    const byName = new Map<string, string[]>();
    // The plain library, which every CPU of the machine can run, goes before those for newer CPUs.
    const isForNewerCpu = ({ path }: CacheEntry): boolean => path.includes('/glibc-hwcaps/');
    const entries = readCache(readBytes(this.#files.cache));
    for (const entry of [...entries.filter((entry) => !isForNewerCpu(entry)), ...entries.filter(isForNewerCpu)]) {
      const paths = byName.get(entry.name);
      if (paths === undefined) byName.set(entry.name, [entry.path]);
      else paths.push(entry.path);
    }
    this.#cached = byName;
    return byName;
  }

  #configuredDirectories(): readonly string[] {
    this.#configured ??= readConfig(this.#files.config, 0);
    return this.#configured;
  }

  #muslDirectories(machine: string): readonly string[] {
    const path = readBytes(`/etc/ld-musl-${machine}.path`).toString('utf8');
    const directories = path.split(/[:\n]/).filter(Boolean);
    return directories.length > 0 ? directories : ['/lib', '/usr/local/lib', '/usr/lib'];
  }
}

/** musl's libc is its own loader, and answers to these names. */
const isMuslItself = (name: string): boolean =>
  /^(libc|libc\.musl-.*|libpthread|librt|libm|libdl|libutil)\.so/.test(name);

function* inDirectories(name: string, directories: readonly string[], asker: Loaded): Generator<string> {
  for (const directory of directories) {
    for (const expanded of expandTokens(directory, asker)) {
      yield `${expanded}/${name}`;
      for (const variant of expandGlob(`${expanded}/glibc-hwcaps/*/${name}`)) yield variant;
    }
  }
}

/** Which `$LIB` a loader was built with depends on the distribution: all that exist are tried. */
function expandTokens(path: string, { origin, elf }: Loaded): readonly string[] {
  if (!path.includes('$')) return [path];
  const machine = machineNames[elf.machine] ?? '';
  const base = path
    .replace(/\$(?:ORIGIN\b|\{ORIGIN\})/g, () => origin)
    .replace(/\$(?:PLATFORM\b|\{PLATFORM\})/g, () => machine);
  if (!/\$(?:LIB\b|\{LIB\})/.test(base)) return [base];
  return [`lib/${machine}-linux-gnu`, 'lib64', 'lib'].map((lib) => base.replace(/\$(?:LIB\b|\{LIB\})/g, () => lib));
}

const defaultDirectories = (machine: string): readonly string[] => [
  `/lib/${machine}-linux-gnu`,
  `/usr/lib/${machine}-linux-gnu`,
  '/lib64',
  '/usr/lib64',
  '/lib',
  '/usr/lib',
];

/** ld.so.conf: a directory a line, `include` with globs, comments. */
function readConfig(path: string, depth: number): readonly string[] {
  if (depth > 8 || !existsSync(path)) return [];
  return readBytes(path)
    .toString('utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .flatMap((line) => {
      const [, pattern] = /^include\s+(.+)$/.exec(line) ?? [];
      if (pattern === undefined) return line.startsWith('/') ? [line] : [];
      const absolute = pattern.startsWith('/') ? pattern : `${dirname(path)}/${pattern}`;
      return expandGlob(absolute).flatMap((file) => readConfig(file, depth + 1));
    });
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}
