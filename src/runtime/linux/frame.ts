import { invariant } from '../../util/assert.ts';
import {
  abi,
  type FrameKind,
  frameMagic,
  maxFrame,
  maxNumbers,
  maxOps,
  maxStrings,
  type OpName,
  opKind,
  type PhaseName,
  phase,
} from './protocol.ts';

/** One thing for the shim to do. What the numbers and strings of a kind mean is said in native/protocol.h. */
export type SetupOp = {
  readonly kind: OpName;
  readonly numbers: readonly (number | bigint)[];
  readonly strings: readonly (string | Uint8Array)[];
  /** The path in `ContainerConfig` that asked for it; absent: we always do this. */
  readonly configPath?: string;
};

/** The ops of each phase, in the order of the phases. */
export type SetupProgram = readonly { readonly phase: PhaseName; readonly ops: readonly SetupOp[] }[];

/** The op with the index the shim speaks of: PHASE ops are counted. */
export function opAt(program: SetupProgram, index: number): { phase: PhaseName; op: SetupOp } | undefined {
  let at = 0;
  for (const part of program) {
    const op = part.ops[index - at - 1];
    if (index > at && op !== undefined) return { phase: part.phase, op };
    at += 1 + part.ops.length;
  }
  return undefined;
}

/** The binary form of a program. Throws when a program is larger than the shim accepts, which only a bug can make. */
export function encodeFrame(kind: FrameKind, id: number, program: SetupProgram): Buffer {
  let text = '';
  let count = 0;
  for (const part of program) {
    text += encodeOp({ kind: 'PHASE', numbers: [phase[part.phase]], strings: [] });
    for (const op of part.ops) text += encodedOps.get(op) ?? encodeOp(op);
    count += 1 + part.ops.length;
  }
  const bytes = headBytes + text.length;
  invariant(count <= maxOps, `a setup program has ${count} ops`);
  invariant(bytes <= maxFrame, `a setup program has ${bytes} bytes`);
  const head = word(frameMagic) + word(abi | (kind << 16)) + word(bytes) + word(id);
  return Buffer.from(head + text, 'latin1');
}

const headBytes = 16;

const ofAll = new Map<string, readonly SetupOp[]>();
const encodedOps = new Map<SetupOp, string>();

/**
 * Most of what is done for a container is done for each: such ops are made and encoded once. A project of some size would
 * otherwise have the encoder optimised for it, for longer than all its frames take. `key` says all that they depend on.
 */
export function shared(key: string, make: () => readonly SetupOp[]): readonly SetupOp[] {
  const known = ofAll.get(key);
  if (known !== undefined) return known;
  const ops = make();
  ofAll.set(key, ops);
  // By way of bytes, or else the text would be put together from its pieces again in every frame.
  for (const op of ops) encodedOps.set(op, Buffer.from(encodeOp(op), 'latin1').toString('latin1'));
  return ops;
}

/*
 * Frames are put together as text with one character for each byte, and become bytes all at once: whatever is done to a
 * Buffer for each op costs twice as much before it is optimised, and no command lives that long. Numbers are little-endian,
 * as all machines that we run on.
 */

function encodeOp({ kind, numbers, strings }: SetupOp): string {
  invariant(numbers.length <= maxNumbers && strings.length <= maxStrings, 'an op has too many operands');
  const operands = numbersText(numbers) + stringsText(strings);
  const text = operands + padding[operands.length % 8];
  const counts = opKind[kind] | (numbers.length << 16) | (strings.length << 24);
  return word(counts) + word(8 + text.length) + text;
}

// In functions of their own: V8 counts for each function how much it has worked, before it spends time on optimising it.
function numbersText(numbers: SetupOp['numbers']): string {
  let text = '';
  for (const number of numbers) text += doubleWord(number);
  return text;
}

function stringsText(strings: SetupOp['strings']): string {
  let text = '';
  for (const string of strings) text += stringText(string);
  return text;
}

function stringText(string: string | Uint8Array): string {
  const bytes = bytesOf(string);
  return `${word(bytes.length)}${bytes}\0`;
}

const bytesOf = (string: string | Uint8Array): string =>
  typeof string === 'string' && isAscii.test(string) ? string : Buffer.from(string).toString('latin1');

/** One byte for each character in UTF-8, too. */
const isAscii = /^[\0-\x7f]*$/;

/** By how far beyond a multiple of eight something ends. */
const padding = Array.from({ length: 8 }, (_, beyond) => '\0'.repeat((8 - beyond) % 8));

/** 32 bits; of a larger number the lower ones. */
const word = (value: number): string =>
  String.fromCharCode(value & 0xff, (value >> 8) & 0xff, (value >> 16) & 0xff, value >>> 24);

/** 64 bits, two's complement. The same few numbers come again and again. */
function doubleWord(number: number | bigint): string {
  const known = doubleWords.get(number);
  if (known !== undefined) return known;
  const bits = BigInt.asUintN(64, BigInt(number));
  const text = word(Number(bits & 0xffffffffn)) + word(Number(bits >> 32n));
  doubleWords.set(number, text);
  return text;
}

const doubleWords = new Map<number | bigint, string>();

/** Strings as C arrays want them: each followed by a NUL. */
export function nulTerminated(strings: readonly string[]): string {
  return strings.map((string) => `${string}\0`).join('');
}
