import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Closure, LibrarySearch } from '../../../../../src/runtime/linux/rootfs/closure.ts';
import { compareNames, readCache, writeCache } from '../../../../../src/runtime/linux/rootfs/ld-cache.ts';
import { type ElfOptions, writeElf } from './elf-builder.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();

/** A host with these files; `/` in them is a scratch directory, as is `@` in what ELF files say. */
function host(
  files: { readonly [path: string]: ElfOptions },
  more: { readonly cache?: { [name: string]: string } } = {},
) {
  const root = scratch();
  const at = (text: string | undefined) => text?.replaceAll('@', root);
  for (const [path, options] of Object.entries(files)) {
    const { rpath, runpath, interpreter } = options;
    const there = { rpath: at(rpath), runpath: at(runpath), interpreter: at(interpreter) };
    const defined = Object.fromEntries(Object.entries(there).filter(([, value]) => value !== undefined));
    writeElf(`${root}${path}`, { ...options, ...defined });
  }
  const cache = new Map(Object.entries(more.cache ?? {}).map(([name, path]) => [name, `${root}${path}`]));
  writeFileSync(`${root}/ld.so.cache`, writeCache(cache, 62) ?? '');
  mkdirSync(`${root}/conf.d`);
  writeFileSync(`${root}/ld.so.conf`, `# comment\ninclude conf.d/*.conf\n${root}/configured\n`);
  writeFileSync(`${root}/conf.d/one.conf`, `${root}/included # and more\n`);
  const search = new LibrarySearch({
    cache: `${root}/ld.so.cache`,
    config: `${root}/ld.so.conf`,
    directories: [`${root}/default`],
  });
  return (path: string) => {
    const elf = search.elf(`${root}${path}`);
    if (elf === undefined) throw new Error('no ELF file');
    return shown(search.closure(`${root}${path}`, elf), root);
  };
}

const shown = ({ files, missing }: Closure, root: string) => ({
  files: [...files].map((path) => path.replace(root, '')),
  missing: missing.map(({ name, neededBy }) => `${name} for ${neededBy.replace(root, '')}`),
});

const lib: ElfOptions = {};

describe('what a program needs to start', () => {
  it('is its interpreter, its libraries and theirs', () => {
    const closure = host(
      {
        '/bin/app': { interpreter: '@/ld.so', needed: ['a.so'] },
        '/ld.so': lib,
        '/x/a.so': { needed: ['b.so'] },
        '/default/b.so': { needed: ['a.so'] },
      },
      { cache: { 'a.so': '/x/a.so' } },
    );
    expect(closure('/bin/app')).toEqual({ files: ['/ld.so', '/x/a.so', '/default/b.so'], missing: [] });
  });

  it('names what is not there, and who needs it', () => {
    const closure = host({ '/bin/app': { needed: ['a.so'] }, '/default/a.so': { needed: ['b.so', 'c.so'] } });
    expect(closure('/bin/app').missing).toEqual(['b.so for /default/a.so', 'c.so for /default/a.so']);
  });

  it('is searched in the cache, then in configured and default directories', () => {
    const closure = host(
      {
        '/bin/app': { needed: ['a.so', 'b.so', 'c.so', 'd.so'] },
        '/x/a.so': lib,
        '/default/a.so': lib,
        '/configured/b.so': lib,
        '/default/b.so': lib,
        '/included/c.so': lib,
        '/default/d.so': lib,
      },
      { cache: { 'a.so': '/x/a.so' } },
    );
    expect(closure('/bin/app').files).toEqual(['/x/a.so', '/configured/b.so', '/included/c.so', '/default/d.so']);
  });

  it('comes from RPATH first, which libraries inherit from who loaded them', () => {
    const closure = host({
      '/bin/app': { needed: ['a.so'], rpath: '@/own' },
      '/own/a.so': { needed: ['b.so'] },
      '/own/b.so': lib,
      '/default/b.so': lib,
    });
    expect(closure('/bin/app').files).toEqual(['/own/a.so', '/own/b.so']);
  });

  it('comes from RUNPATH for direct needs only, and then RPATH does not count', () => {
    const closure = host({
      '/bin/app': { needed: ['a.so'], runpath: '@/own', rpath: '@/old' },
      '/own/a.so': { needed: ['b.so'] },
      '/old/a.so': lib,
      '/own/b.so': lib,
      '/default/b.so': lib,
    });
    expect(closure('/bin/app').files).toEqual(['/own/a.so', '/default/b.so']);
  });

  it('does not inherit RPATH into a library that has RUNPATH', () => {
    const closure = host({
      '/bin/app': { needed: ['a.so'], rpath: '@/own' },
      '/own/a.so': { needed: ['b.so'], runpath: '@/nowhere' },
      '/own/b.so': lib,
      '/default/b.so': lib,
    });
    expect(closure('/bin/app').files).toEqual(['/own/a.so', '/default/b.so']);
  });

  it('is found beside the program by $ORIGIN, links to it resolved', () => {
    const root = scratch();
    writeElf(`${root}/opt/app/bin/app`, { needed: ['a.so', 'b.so'], runpath: '$ORIGIN/../lib:${ORIGIN}/../lib2' });
    writeElf(`${root}/opt/app/lib/a.so`, {});
    writeElf(`${root}/opt/app/lib2/b.so`, {});
    symlinkSync('opt/app/bin/app', `${root}/app`);
    const search = new LibrarySearch({ cache: '/none', config: '/none', directories: [] });
    const elf = search.elf(`${root}/app`);
    if (elf === undefined) throw new Error('no ELF file');
    const found = search.closure(`${root}/app`, elf);
    expect(shown(found, root)).toEqual({
      files: ['/opt/app/bin/../lib/a.so', '/opt/app/bin/../lib2/b.so'],
      missing: [],
    });
  });

  it('knows $LIB and $PLATFORM', () => {
    const closure = host({
      '/bin/app': { needed: ['a.so', 'b.so'], runpath: '@/$LIB/app:@/for-$PLATFORM' },
      '/lib64/app/a.so': lib,
      '/for-x86_64/b.so': lib,
    });
    expect(closure('/bin/app').files).toEqual(['/lib64/app/a.so', '/for-x86_64/b.so']);
  });

  it('skips libraries for another machine, and what is no library', () => {
    const root = scratch();
    writeElf(`${root}/one/a.so`, { machine: 183 });
    mkdirSync(`${root}/two`);
    writeFileSync(`${root}/two/a.so`, 'text');
    writeElf(`${root}/three/a.so`, {});
    writeElf(`${root}/app`, { needed: ['a.so'], runpath: `${root}/one:${root}/two:${root}/three` });
    const search = new LibrarySearch({ cache: '/none', config: '/none', directories: [] });
    const elf = search.elf(`${root}/app`);
    if (elf === undefined) throw new Error('no ELF file');
    expect([...search.closure(`${root}/app`, elf).files]).toEqual([`${root}/three/a.so`]);
  });

  it('takes a library once under all of its names', () => {
    const closure = host({
      '/bin/app': { needed: ['a.so', 'a.so.1'] },
      '/default/a.so': { soname: 'a.so.1' },
    });
    expect(closure('/bin/app')).toEqual({ files: ['/default/a.so'], missing: [] });
  });

  it('takes the variant for newer CPUs only when there is no other', () => {
    const closure = host({
      '/bin/app': { needed: ['a.so', 'b.so'], runpath: '@/own' },
      '/own/a.so': lib,
      '/own/glibc-hwcaps/x86-64-v3/a.so': lib,
      '/own/glibc-hwcaps/x86-64-v3/b.so': lib,
    });
    expect(closure('/bin/app').files).toEqual(['/own/a.so', '/own/glibc-hwcaps/x86-64-v3/b.so']);
  });

  it('does not read a circle of configuration files forever', () => {
    const root = scratch();
    writeFileSync(`${root}/ld.so.conf`, `include ${root}/ld.so.conf\n${root}/lib\n`);
    writeElf(`${root}/lib/a.so`, {});
    writeElf(`${root}/app`, { needed: ['a.so'] });
    const search = new LibrarySearch({ cache: '/none', config: `${root}/ld.so.conf`, directories: [] });
    const elf = search.elf(`${root}/app`);
    if (elf === undefined) throw new Error('no ELF file');
    expect(search.closure(`${root}/app`, elf).missing).toEqual([]);
  });
});

describe('ld.so.cache', () => {
  it('of this host is read, and in the order that we would write', () => {
    const entries = readCache(readFileSync('/etc/ld.so.cache'));
    expect(entries.length).toBeGreaterThan(10);
    const names = entries.map(({ name }) => name);
    expect([...names].sort((a, b) => compareNames(b, a))).toEqual(names);
  });

  it('that we write is what we read', () => {
    const libraries = new Map([
      ['libb.so.9', '/x/libb.so.9'],
      ['liba.so', '/liba.so'],
      ['libb.so.10', '/x/libb.so.10'],
    ]);
    expect(readCache(writeCache(libraries, 62) ?? Buffer.alloc(0)).map(({ name }) => name)).toEqual([
      'libb.so.10',
      'libb.so.9',
      'liba.so',
    ]);
    expect(writeCache(libraries, 3)).toBeUndefined();
  });

  it('that is damaged has no entries', () => {
    const bytes = writeCache(new Map([['liba.so', '/liba.so']]), 62) ?? Buffer.alloc(0);
    for (let length = 0; length < bytes.length; length++) expect(readCache(bytes.subarray(0, length))).toEqual([]);
    bytes.writeUInt32LE(0xffffffff, 20);
    expect(readCache(bytes)).toEqual([]);
  });
});
