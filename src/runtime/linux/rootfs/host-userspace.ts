import { realpathSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { err, ok, type Result } from '../../../util/result.ts';
import { hostLoaderFiles, LibrarySearch, loaderInputs } from './closure.ts';
import { type Companion, companions } from './companions.ts';
import type { ElfFile } from './elf.ts';
import { envProgram, readProgramFile, type Shebang } from './elf-file.ts';
import { addEtc, hostAccountFiles, ownerOf, selectAccounts } from './etc.ts';
import { expandGlob } from './glob.ts';
import { HostTree, type TreeOptions } from './host-tree.ts';
import { writeCache } from './ld-cache.ts';
import { findProgram, similarProgram } from './programs.ts';

/** Why a host userspace cannot be built, with what to do about it. */
export type HostRefusal = {
  /** Index in `programs` of what the user asked for. */
  readonly index: number;
  readonly message: string;
  readonly notes: readonly string[];
};

type Context = {
  readonly tree: HostTree;
  readonly search: LibrarySearch;
  readonly directories: readonly string[];
  /** Names under which libraries are asked for, and where they are. */
  readonly libraries: Map<string, string>;
  readonly users: Set<string>;
  /** Programs and modules already dealt with, by the path they were asked for. */
  readonly done: Set<string>;
  readonly applied: Set<string>;
  readonly ownDirectories: Map<string, NonNullable<Companion['directories']>[number]>;
  machine: number | undefined;
};

const maxScriptDepth = 5;
/** Docker's PATH: what a container finds a bare name in. */
export const containerPath: readonly string[] = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
];

/** Collects everything the named programs need. Reads the host, copies nothing. */
export function collectHostUserspace(
  programs: readonly string[],
  directories: readonly string[],
): Result<HostTree, HostRefusal> {
  const context: Context = {
    tree: new HostTree(),
    search: new LibrarySearch(hostLoaderFiles),
    directories,
    libraries: new Map(),
    users: new Set(['root', 'nobody']),
    done: new Set(),
    applied: new Set(),
    ownDirectories: new Map(),
    machine: undefined,
  };
  for (const path of loaderInputs(hostLoaderFiles)) context.tree.watch(path);
  for (const path of Object.values(hostAccountFiles)) context.tree.watch(path);
  addMergedDirectories(context.tree);

  for (const [index, name] of programs.entries()) {
    const added = name.startsWith('/') ? addAbsolute(context, name) : addNamed(context, name);
    if (!added.ok) return err({ index, ...added.error });
  }
  applyCompanions(context, () => true, { kind: 'always' });
  finish(context);
  return ok(context.tree);
}

type Refusal = Omit<HostRefusal, 'index'>;
const refuse = (message: string, ...notes: readonly string[]): Result<never, Refusal> => err({ message, notes });

function addAbsolute(context: Context, path: string): Result<void, Refusal> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) {
    context.tree.watch(path);
    return refuse(`cannot find ${path} on this host`, 'install it, or correct the path under "host:"');
  }
  if (!stats.isDirectory()) return addProgram(context, path, 0);
  if (path.replace(/\/+$/, '') === '') {
    return refuse('cannot copy the whole host into a root filesystem', 'name the programs that are needed');
  }
  const tree = context.tree.addTree(path);
  if (!tree.ok) return refuse(`cannot copy ${path}: ${tree.error}`);
  addModules(context, tree.value);
  return ok(undefined);
}

function addNamed(context: Context, name: string): Result<void, Refusal> {
  const { path, tried } = findProgram(name, context.directories);
  for (const candidate of tried) context.tree.watch(candidate);
  if (path === undefined) {
    const similar = similarProgram(name, context.directories);
    return refuse(
      `cannot find the program "${name}" on this host`,
      ...(similar === undefined ? [] : [`did you mean "${similar}"?`]),
      `install it, or name it by its absolute path; searched: ${context.directories.join(':')}`,
    );
  }
  const added = addProgram(context, path, 0);
  if (added.ok && !containerPath.some((directory) => path === `${directory}/${name}`)) {
    context.tree.addLink(`/usr/local/bin/${name}`, path);
  }
  return added;
}

function addProgram(context: Context, path: string, depth: number): Result<void, Refusal> {
  if (context.done.has(path)) return ok(undefined);
  context.done.add(path);
  const added = context.tree.addPath(path);
  if (!added.ok) return refuse(`cannot copy ${path}: ${added.error}`);
  const file = readProgramFile(path);
  if (!file.ok) return refuse(`cannot use ${path}: ${file.error}`);

  if (file.value.kind === 'script') {
    const interpreter = addInterpreter(context, file.value.shebang, depth);
    if (!interpreter.ok) return refuse(`cannot use ${path}: ${interpreter.error.message}`, ...interpreter.error.notes);
  }
  if (file.value.kind === 'elf') {
    const libraries = addClosure(context, path, file.value.elf);
    if (!libraries.ok) return libraries;
  }
  applyCompanions(context, (companion) => companion.program?.test(added.value) === true, {
    kind: 'program',
    path: added.value,
  });
  return ok(undefined);
}

function addInterpreter(context: Context, shebang: Shebang, depth: number): Result<void, Refusal> {
  if (depth >= maxScriptDepth) return refuse('its interpreters are scripts, too many of them');
  const interpreter = addProgram(context, shebang.interpreter, depth + 1);
  if (!interpreter.ok) return interpreter;
  const name = envProgram(shebang);
  if (name === undefined) return ok(undefined);
  return name.startsWith('/') ? addProgram(context, name, depth + 1) : addNamed(context, name);
}

function addClosure(context: Context, path: string, elf: ElfFile): Result<void, Refusal> {
  context.machine ??= elf.machine;
  const closure = context.search.closure(path, elf);
  const missing = closure.missing[0];
  if (missing !== undefined) {
    return refuse(
      `cannot use ${path}: the library ${missing.name} that ${missing.neededBy} needs is not on this host`,
      'install the package that has it; the file does not start on the host either',
    );
  }
  for (const file of closure.files) {
    const added = context.tree.addPath(file);
    if (!added.ok) return refuse(`cannot use ${path}: cannot copy ${file}: ${added.error}`);
  }
  addLibraries(context, closure.libraries);
  return ok(undefined);
}

function addLibraries(context: Context, libraries: ReadonlyMap<string, string>): void {
  for (const [name, path] of libraries) {
    if (context.libraries.has(name)) continue;
    context.libraries.set(name, path);
    applyCompanions(context, (companion) => companion.library?.test(name) === true, { kind: 'library' });
  }
}

/** Shared objects among the files of a tree; one that lacks a library is not usable on the host either, and is let be. */
function addModules(context: Context, files: readonly string[]): void {
  for (const path of files) {
    const entry = context.tree.entries.get(path);
    if (entry?.kind !== 'file' || context.done.has(path)) continue;
    if (!/\.so(\.|$)/.test(basename(path)) && (entry.mode & 0o111) === 0) continue;
    context.done.add(path);
    const elf = context.search.elf(path);
    if (elf !== undefined) addClosure(context, path, elf);
  }
}

type Applies =
  | { readonly kind: 'always' }
  | { readonly kind: 'library' }
  | { readonly kind: 'program'; readonly path: string };

function applyCompanions(context: Context, matches: (companion: Companion) => boolean, applies: Applies): void {
  for (const companion of companions) {
    const isForAll = companion.program === undefined && companion.library === undefined;
    if (isForAll !== (applies.kind === 'always') || !matches(companion)) continue;
    const { program } = companion;
    const path = applies.kind === 'program' ? applies.path : '';
    const expand = (pattern: string): string => (program === undefined ? pattern : path.replace(program, pattern));
    const key = `${companion.why}\0${program === undefined ? '' : path}`;
    if (context.applied.has(key)) continue;
    context.applied.add(key);
    apply(context, companion, expand);
  }
}

function apply(context: Context, companion: Companion, expand: (pattern: string) => string): void {
  const { tree } = context;
  for (const user of companion.users ?? []) context.users.add(user);
  const owners = selectAccounts(context.users).users.map(({ fields }) => Number(fields[2]));
  for (const uid of owners) tree.owners.add(uid);
  for (const directory of companion.directories ?? []) context.ownDirectories.set(directory.path, directory);

  for (const pattern of companion.files ?? []) addFiles(context, expand(pattern));
  for (const { path, ...options } of companion.trees ?? []) addTrees(context, expand(path), options);
  for (const name of companion.programs ?? []) addFurther(context, expand(name));
  for (const name of companion.libraries ?? []) addLibrary(context, name);
}

function addFiles(context: Context, pattern: string): void {
  for (const path of expandGlob(pattern)) {
    const added = context.tree.addPath(path);
    if (added.ok && isExecutableEntry(context.tree, added.value)) addProgram(context, path, 0);
  }
}

function addTrees(context: Context, pattern: string, options: TreeOptions): void {
  for (const directory of expandGlob(pattern)) {
    const files = context.tree.addTree(directory, options);
    if (files.ok) addModules(context, files.value);
  }
}

function addLibrary(context: Context, name: string): void {
  if (context.machine === undefined) return;
  const path = context.search.named(name, context.machine);
  const elf = path === undefined ? undefined : context.search.elf(path);
  if (path === undefined || elf === undefined || !addClosure(context, path, elf).ok) return;
  context.tree.addPath(path);
  addLibraries(context, new Map([[name, path]]));
}

function isExecutableEntry(tree: HostTree, path: string): boolean {
  const entry = tree.entries.get(path);
  return entry?.kind === 'file' && (entry.mode & 0o111) !== 0;
}

/** A program that another one starts: welcome when the host has it. It is found by name too. */
function addFurther(context: Context, program: string): void {
  if (!program.startsWith('/')) {
    addNamed(context, program);
    return;
  }
  if (statSync(program, { throwIfNoEntry: false })?.isFile() !== true) return;
  const added = addProgram(context, program, 0);
  const name = basename(program);
  if (added.ok && !isInContainerPath(context, name)) context.tree.addLink(`/usr/local/bin/${name}`, program);
}

const isInContainerPath = (context: Context, name: string): boolean =>
  containerPath.some((directory) => context.tree.entries.has(`${directory}/${name}`));

/** On a host with merged /usr, `/bin` and the like are links, and programs expect them whether or not they were on the way. */
function addMergedDirectories(tree: HostTree): void {
  for (const path of ['/bin', '/sbin', '/lib', '/lib64']) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true && realpathSync(path) !== path)
      tree.addPath(path);
  }
}

function finish(context: Context): void {
  const { tree } = context;
  const accounts = selectAccounts(context.users);
  for (const { path, mode, owner } of context.ownDirectories.values()) {
    const account = owner === undefined ? {} : ownerOf(accounts, owner);
    if (account !== undefined) tree.addDirectory(path, { mode, ...account });
  }
  addEtc(tree, accounts);
  if (context.machine !== undefined && context.libraries.size > 0) {
    const cache = writeCache(context.libraries, context.machine);
    if (cache !== undefined) tree.addBytes('/etc/ld.so.cache', cache);
  }
  for (const path of [
    '/bin',
    '/dev',
    '/proc',
    '/sys',
    '/run',
    '/var/lib',
    '/var/log',
    '/var/cache',
    '/usr/bin',
    '/home',
  ]) {
    tree.addDirectory(path, { mode: 0o755 });
  }
  for (const path of ['/tmp', '/var/tmp']) tree.addDirectory(path, { mode: 0o1777 });
  tree.addDirectory('/root', { mode: 0o700 });
  tree.addLink('/var/run', '/run');
  tree.addLink('/var/lock', '/run/lock');
}
