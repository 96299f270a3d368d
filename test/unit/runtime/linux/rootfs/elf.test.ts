import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readElf } from '../../../../../src/runtime/linux/rootfs/elf.ts';
import { envProgram, parseShebang, readProgramFile } from '../../../../../src/runtime/linux/rootfs/elf-file.ts';
import { elfBytes } from './elf-builder.ts';

const read = (bytes: Buffer) => readElf((offset, length) => bytes.subarray(offset, offset + length));

const whole = elfBytes({
  interpreter: '/lib64/ld-linux-x86-64.so.2',
  needed: ['libc.so.6', 'libm.so.6'],
  soname: 'libx.so.1',
  rpath: '/a:$ORIGIN/b',
  runpath: '/c',
});

describe('reading an ELF file', () => {
  it('finds what the loader would', () => {
    expect(read(whole)).toEqual({
      ok: true,
      value: {
        machine: 62,
        interpreter: '/lib64/ld-linux-x86-64.so.2',
        needed: ['libc.so.6', 'libm.so.6'],
        soname: 'libx.so.1',
        rpath: ['/a', '$ORIGIN/b'],
        runpath: ['/c'],
      },
    });
  });

  it('refuses other classes, byte orders and files', () => {
    const changed = (at: number, value: number) => {
      const bytes = Buffer.from(whole);
      bytes[at] = value;
      const elf = read(bytes);
      return elf.ok ? 'read' : elf.error;
    };
    expect(changed(4, 1)).toMatch(/^a 32-bit ELF file/);
    expect(changed(5, 2)).toMatch(/^a big-endian ELF file/);
    expect(changed(0, 0)).toBe('not an ELF file');
    expect(changed(57, 0xff)).toBe('its program header table makes no sense');
    expect(changed(54, 1)).toBe('its program header table makes no sense');
  });

  it('never throws and never reads much, whatever the bytes are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 12 }),
        fc.nat(whole.length),
        (changes, length) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of changes) bytes[at] = value;
          let total = 0;
          readElf((offset, size) => {
            total += size;
            return bytes.subarray(0, length).subarray(offset, offset + size);
          });
          expect(total).toBeLessThan(16 << 20);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('agrees with readelf about programs of this host', () => {
    for (const name of ['/bin/sh', '/usr/bin/bash', process.execPath, '/usr/bin/python3', '/bin/ls']) {
      if (!existsSync(name)) continue;
      const path = realpathSync(name);
      const output = execFileSync('readelf', ['-dlW', path], { encoding: 'utf8' });
      const file = readProgramFile(path);
      const elf = file.ok && file.value.kind === 'elf' ? file.value.elf : undefined;
      expect(elf?.needed).toEqual([...output.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, needed]) => needed));
      expect(elf?.interpreter).toBe(/interpreter: (.*)\]/.exec(output)?.[1]);
    }
  });
});

describe('a shebang', () => {
  it('is split as execve(2) does: an interpreter and one argument', () => {
    const parse = (text: string) => parseShebang(Buffer.from(text));
    expect(parse('#!/bin/sh\necho')).toEqual({ interpreter: '/bin/sh' });
    expect(parse('#! \t/bin/sh  -e -u \r\n')).toEqual({ interpreter: '/bin/sh', argument: '-e -u' });
    expect(parse('#!/bin/sh')).toEqual({ interpreter: '/bin/sh' });
    for (const text of ['', '#', '#!', '#!\n/bin/sh', 'echo']) expect(parse(text)).toBeUndefined();
  });

  it('tells which program env is to find', () => {
    const named = (argument: string) => envProgram({ interpreter: '/usr/bin/env', argument });
    expect(named('node')).toBe('node');
    expect(named('-S node --flag')).toBe('node');
    expect(named('-S FOO=bar python3 -u')).toBe('python3');
    expect(envProgram({ interpreter: '/bin/sh', argument: 'node' })).toBeUndefined();
    expect(envProgram({ interpreter: '/usr/bin/env' })).toBeUndefined();
  });

  it('is not looked for in what is no regular file', () => {
    expect(readProgramFile('/dev/zero')).toEqual({ ok: false, error: 'not a regular file' });
    expect(readProgramFile('/nonexistent')).toEqual({ ok: false, error: 'no such file or directory' });
  });
});
