import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingInterpreter } from '../../../../../src/runtime/linux/rootfs/interpreter.ts';
import { writeElf } from './elf-builder.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

describe('why a program that is there cannot be found', () => {
  it('is the loader that its ELF header names', () => {
    const root = scratch();
    writeElf(`${root}/bin/app`, { interpreter: '/lib/ld-musl-x86_64.so.1' });
    expect(missingInterpreter([root], '/bin/app')).toEqual({ interpreter: '/lib/ld-musl-x86_64.so.1', kind: 'elf' });
    write(`${root}/lib/ld-musl-x86_64.so.1`, '');
    expect(missingInterpreter([root], '/bin/app')).toBeUndefined();
  });

  it('is the program of the shebang, or what that one needs in turn', () => {
    const root = scratch();
    write(`${root}/app`, '#!/bin/tool\n');
    expect(missingInterpreter([root], '/app')).toEqual({ interpreter: '/bin/tool', kind: 'script' });
    write(`${root}/bin/tool`, '#!/bin/other\n');
    expect(missingInterpreter([root], '/app')).toEqual({ interpreter: '/bin/other', kind: 'script' });
    write(`${root}/bin/other`, '#!/bin/other\n');
    expect(missingInterpreter([root], '/app')).toBeUndefined();
  });

  it('is what env does not find in PATH, when that is known', () => {
    const root = scratch();
    write(`${root}/app`, '#!/usr/bin/env node\n');
    write(`${root}/usr/bin/env`, '');
    expect(missingInterpreter([root], '/app', ['/bin', '/opt'])).toEqual({ interpreter: 'node', kind: 'env' });
    expect(missingInterpreter([root], '/app')).toBeUndefined();
    write(`${root}/opt/node`, '');
    expect(missingInterpreter([root], '/app', ['/bin', '/opt'])).toBeUndefined();
  });

  it('is looked for in all layers, and is nothing for static programs and what is not there', () => {
    const [top, bottom] = [scratch(), scratch()];
    writeElf(`${top}/app`, { interpreter: '/ld.so' });
    write(`${bottom}/ld.so`, '');
    writeElf(`${top}/static`, {});
    expect(missingInterpreter([top, bottom], '/app')).toBeUndefined();
    expect(missingInterpreter([top], '/static')).toBeUndefined();
    expect(missingInterpreter([top], '/none')).toBeUndefined();
  });
});
