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
  let at = headBytes;
  let count = 0;
  for (const part of program) {
    at = encodeOp({ kind: 'PHASE', numbers: [phase[part.phase]], strings: [] }, at);
    for (const op of part.ops) at = encodeOp(op, at);
    count += 1 + part.ops.length;
  }
  invariant(count <= maxOps, `a setup program has ${count} ops`);
  invariant(at <= maxFrame, `a setup program has ${at} bytes`);
  words[0] = frameMagic;
  words[1] = abi | (kind << 16);
  words[2] = at;
  words[3] = id;
  return Buffer.from(scratch.subarray(0, at));
}

const headBytes = 16;

/**
 * Frames are put together here and copied out whole: a buffer for each op would cost more than all the rest. Numbers are
 * stored as words, little-endian as all machines that we run on: a method of Buffer is five times slower before it is
 * optimised, and no command lives that long.
 */
let scratch = Buffer.from(new ArrayBuffer(16 << 10));
let words = new Uint32Array(scratch.buffer);

function reserve(bytes: number): void {
  if (bytes <= scratch.length) return;
  const larger = Buffer.from(new ArrayBuffer(2 * (bytes + 8 - (bytes % 8))));
  larger.set(scratch);
  scratch = larger;
  words = new Uint32Array(scratch.buffer);
}

/** Writes an op at `from`, a multiple of eight; returns where the next one starts. */
function encodeOp(op: SetupOp, from: number): number {
  invariant(op.numbers.length <= maxNumbers && op.strings.length <= maxStrings, `${op.kind} has too many operands`);
  let room = 16 + 8 * op.numbers.length;
  // UTF-8 takes at most three bytes for a unit of UTF-16.
  for (const string of op.strings) room += 5 + (typeof string === 'string' ? 3 * string.length : string.length);
  reserve(from + room);
  const bytes = scratch;
  words[from / 4] = opKind[op.kind] | (op.numbers.length << 16) | (op.strings.length << 24);
  let at = from + 8;
  for (const number of op.numbers) {
    writeNumber(number, at / 4);
    at += 8;
  }
  for (const string of op.strings) {
    const start = at + 4;
    let size = string.length;
    if (typeof string === 'string') size = bytes.write(string, start);
    else bytes.set(string, start);
    // Not aligned any more; an assignment keeps the low eight bits.
    bytes[at] = size;
    bytes[at + 1] = size >> 8;
    bytes[at + 2] = size >> 16;
    bytes[at + 3] = size >> 24;
    at = start + size;
    bytes[at++] = 0;
  }
  while (at % 8 !== 0) bytes[at++] = 0;
  words[from / 4 + 1] = at - from;
  return at;
}

/** As 64 bits, two's complement; an assignment keeps the low 32. */
function writeNumber(number: number | bigint, word: number): void {
  const isSmall = typeof number === 'number' && number >= 0 && number <= 0xffffffff;
  words[word] = isSmall ? number : Number(BigInt.asUintN(32, BigInt(number)));
  words[word + 1] = isSmall ? 0 : Number(BigInt.asUintN(32, BigInt(number) >> 32n));
}

/** Strings as C arrays want them: each followed by a NUL. */
export function nulTerminated(strings: readonly string[]): string {
  return strings.map((string) => `${string}\0`).join('');
}
