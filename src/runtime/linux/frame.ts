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
  const head = Buffer.alloc(16);
  const parts: Buffer[] = [head];
  let count = 0;
  for (const part of program) {
    parts.push(encodeOp({ kind: 'PHASE', numbers: [phase[part.phase]], strings: [] }));
    for (const op of part.ops) parts.push(encodeOp(op));
    count += 1 + part.ops.length;
  }
  const frame = Buffer.concat(parts);
  invariant(count <= maxOps, `a setup program has ${count} ops`);
  invariant(frame.length <= maxFrame, `a setup program has ${frame.length} bytes`);
  frame.writeUInt32LE(frameMagic, 0);
  frame.writeUInt16LE(abi, 4);
  frame.writeUInt16LE(kind, 6);
  frame.writeUInt32LE(frame.length, 8);
  frame.writeUInt32LE(id, 12);
  return frame;
}

function encodeOp(op: SetupOp): Buffer {
  invariant(op.numbers.length <= maxNumbers && op.strings.length <= maxStrings, `${op.kind} has too many operands`);
  let length = 8 + 8 * op.numbers.length;
  for (const string of op.strings) {
    length += 5 + (typeof string === 'string' ? Buffer.byteLength(string) : string.length);
  }
  length = (length + 7) & ~7;
  const bytes = Buffer.alloc(length);
  bytes.writeUInt16LE(opKind[op.kind], 0);
  bytes[2] = op.numbers.length;
  bytes[3] = op.strings.length;
  bytes.writeUInt32LE(length, 4);
  let at = 8;
  for (const number of op.numbers) at = bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(number)), at);
  for (const string of op.strings) {
    const start = at + 4;
    const raw = typeof string === 'string' ? Buffer.from(string) : string;
    bytes.set(raw, start);
    bytes.writeUInt32LE(raw.length, at);
    at = start + raw.length + 1;
  }
  return bytes;
}

/** Strings as C arrays want them: each followed by a NUL. */
export function nulTerminated(strings: readonly string[]): string {
  return strings.map((string) => `${string}\0`).join('');
}
