import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as protocol from '../../src/runtime/linux/protocol.ts';

const header = new URL('../../native/protocol.h', import.meta.url).pathname;

const enums = [
  ['TSC_FRAME_', protocol.frameKind],
  ['TSC_PHASE_', protocol.phase],
  ['TSC_OP_', protocol.opKind],
  ['TSC_BIND_', protocol.bindFlag],
  ['TSC_REPORT_', protocol.reportKind],
  ['TSC_STATE_', protocol.statePhase],
  ['TSC_CTL_', protocol.controlOp],
  ['TSC_LOG_', protocol.logFlag],
] as const;

const structs = {
  report: 'tsc_report',
  state: 'tsc_state',
  request: 'tsc_request',
  reply: 'tsc_reply',
  logEntry: 'tsc_log_entry',
  exit: 'tsc_exit',
  notified: 'tsc_notified',
} as const;

/** Compiles a program that prints what C makes of each expression. */
function valuesInC(expressions: readonly string[]): number[] {
  const dir = mkdtempSync(join(tmpdir(), 'tsc-protocol-'));
  try {
    const lines = expressions.map((expression) => `printf("%llu\\n", (unsigned long long)(${expression}));`);
    const source = `#include <stddef.h>\n#include <stdio.h>\n#include "${header}"\nint main(void) {\n${lines.join('\n')}\n}\n`;
    writeFileSync(join(dir, 'values.c'), source);
    execFileSync('cc', ['-std=c11', '-o', join(dir, 'values'), join(dir, 'values.c')]);
    return execFileSync(join(dir, 'values'), { encoding: 'utf8' }).trim().split('\n').map(Number);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test('every constant of the contract has the same value in C and in TypeScript', () => {
  const expected = new Map<string, number>([
    ['TSC_ABI', protocol.abi],
    ['TSC_FRAME_MAGIC', protocol.frameMagic],
    ['TSC_REPORT_MAGIC', protocol.reportMagic],
    ['TSC_STATE_MAGIC', protocol.stateMagic],
    ['TSC_MAX_FRAME', protocol.maxFrame],
    ['TSC_MAX_OPS', protocol.maxOps],
    ['TSC_MAX_NUMBERS', protocol.maxNumbers],
    ['TSC_MAX_STRINGS', protocol.maxStrings],
  ]);
  for (const [prefix, table] of enums) {
    for (const [name, value] of Object.entries(table)) expected.set(prefix + name, value);
  }
  for (const [name, tag] of Object.entries(structs)) {
    expected.set(`sizeof(struct ${tag})`, protocol.size[name as keyof typeof structs]);
    for (const [field, at] of Object.entries(protocol.offset[name as keyof typeof structs])) {
      expected.set(`offsetof(struct ${tag}, ${field})`, at);
    }
  }
  const names = [...expected.keys()];
  const actual = valuesInC(names);
  expect(Object.fromEntries(names.map((name, i) => [name, actual[i]]))).toEqual(Object.fromEntries(expected));
});

test('no constant of the header is missing in TypeScript', () => {
  const text = readFileSync(header, 'utf8');
  const inHeader = [...text.matchAll(/^\s*(TSC_[A-Z0-9_]+) = /gm)].map((match) => match[1]);
  const inTypeScript = enums.flatMap(([prefix, table]) => Object.keys(table).map((name) => prefix + name));
  expect(inHeader.length).toBeGreaterThan(70);
  expect([...inHeader].sort()).toEqual([...inTypeScript].sort());
});
