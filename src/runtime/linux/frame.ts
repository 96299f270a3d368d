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
  scratch.writeUInt32LE(frameMagic, 0);
  scratch.writeUInt16LE(abi, 4);
  scratch.writeUInt16LE(kind, 6);
  scratch.writeUInt32LE(at, 8);
  scratch.writeUInt32LE(id, 12);
  return Buffer.from(scratch.subarray(0, at));
}

const headBytes = 16;

/** Frames are put together here and copied out whole: a buffer for each op would cost more than all the rest. */
let scratch = Buffer.alloc(16 << 10);

/** Writes an op at `from`; returns where the next one starts. */
function encodeOp(op: SetupOp, from: number): number {
  invariant(op.numbers.length <= maxNumbers && op.strings.length <= maxStrings, `${op.kind} has too many operands`);
  let room = 16 + 8 * op.numbers.length;
  // UTF-8 takes at most three bytes for a unit of UTF-16.
  for (const string of op.strings) room += 5 + (typeof string === 'string' ? 3 * string.length : string.length);
  if (from + room > scratch.length) scratch = Buffer.concat([scratch], 2 * (from + room));
  const bytes = scratch;
  bytes.writeUInt16LE(opKind[op.kind], from);
  bytes[from + 2] = op.numbers.length;
  bytes[from + 3] = op.strings.length;
  let at = from + 8;
  for (const number of op.numbers) at = writeNumber(bytes, number, at);
  for (const string of op.strings) {
    const start = at + 4;
    let size = string.length;
    if (typeof string === 'string') size = bytes.write(string, start);
    else bytes.set(string, start);
    bytes.writeUInt32LE(size, at);
    at = start + size;
    bytes[at++] = 0;
  }
  while (at % 8 !== 0) bytes[at++] = 0;
  bytes.writeUInt32LE(at - from, from + 4);
  return at;
}

/** As 64 bits, two's complement. */
function writeNumber(bytes: Buffer, number: number | bigint, at: number): number {
  if (typeof number === 'bigint' || number < 0 || number > 0xffffffff) {
    return bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(number)), at);
  }
  bytes.writeUInt32LE(number, at);
  return bytes.writeUInt32LE(0, at + 4);
}

/** Strings as C arrays want them: each followed by a NUL. */
export function nulTerminated(strings: readonly string[]): string {
  return strings.map((string) => `${string}\0`).join('');
}
