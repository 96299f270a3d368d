import { InternalError } from '../../util/assert.ts';
import { hashOfWords } from '../../util/hash.ts';
import { abi, controlOp, offset, reportMagic, size, stateMagic } from './protocol.ts';

/** One message of the shim; `number` is the value in force after a clamp, otherwise the start time of `pid`. */
export type Report = {
  readonly id: number;
  readonly kind: number;
  readonly phase: number;
  readonly op: number;
  /** errno; 0 is none. */
  readonly error: number;
  readonly pid: number;
  readonly number: bigint;
  readonly text: string;
};

/** A monitor's record of its container. Times are milliseconds since the epoch with fractions, 0 for never. */
export type ShimState = {
  /** The ABI of the version that wrote it, when that is not ours: of what follows, only identities and times are known. */
  readonly otherAbi?: number;
  readonly sequence: bigint;
  /** Sixteen bytes in hex. */
  readonly bootId: string;
  readonly monitorPid: number;
  readonly monitorStart: bigint;
  readonly initPid: number;
  readonly initStart: bigint;
  readonly createdMs: number;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly phase: number;
  readonly starts: number;
  /** As waitpid(2) gives it; meaningless unless `exitKnown`. */
  readonly waitStatus: number;
  readonly exitKnown: boolean;
  readonly oomKilled: boolean;
  readonly stopRequested: boolean;
  readonly tty: boolean;
  readonly failPhase: number;
  readonly failKind: number;
  readonly failOp: number;
  readonly failError: number;
  readonly failText: string;
  readonly adoptions: number;
  readonly droppedBytes: bigint;
};

export type ExitRecord = { readonly waitStatus: number; readonly finishedMs: number; readonly start: number };

/** What a life of a container has said of itself as in sd_notify(3). */
export type Notified = {
  readonly start: number;
  readonly ready: boolean;
  readonly stopping: boolean;
  /** WATCHDOG=trigger: it asks to be taken for dead. */
  readonly trigger: boolean;
  /** Of the last WATCHDOG=1, in milliseconds since boot; 0: none yet. */
  readonly watchdogBootMs: number;
  readonly status: string;
};

export type LogEntry = {
  readonly offset: number;
  readonly timeMs: number;
  readonly length: number;
  readonly stream: number;
  readonly flags: number;
};

/**
 * Of the words before `to`, which is a multiple of four. A CRC goes byte by byte, and run by the interpreter that was a
 * quarter of the time it takes to look at twenty containers.
 */
export function hashWords(bytes: Buffer, to: number): number {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return hashOfWords(new Int32Array(aligned.buffer, aligned.byteOffset, to / 4), to);
}

const nsToMs = (ns: bigint): number => Number(ns / 1000n) / 1000;

function text(bytes: Buffer, from: number, to: number): string {
  const end = bytes.indexOf(0, from);
  return bytes.toString('utf8', from, end === -1 || end > to ? to : end);
}

/** Throws when it is no report: the shim is ours, so anything else is our own mistake. */
export function decodeReport(bytes: Buffer): Report {
  const at = offset.report;
  if (bytes.length !== size.report || bytes.readUInt32LE(at.magic) !== reportMagic) {
    throw new InternalError(`the shim sent something that is no report (${bytes.length} bytes)`);
  }
  return {
    id: bytes.readUInt32LE(at.id),
    kind: bytes.readUInt16LE(at.kind),
    phase: bytes.readUInt16LE(at.phase),
    op: bytes.readUInt32LE(at.op),
    error: bytes.readInt32LE(at.error),
    pid: bytes.readInt32LE(at.pid),
    number: bytes.readBigUInt64LE(at.number),
    text: text(bytes, at.text, size.report),
  };
}

/** undefined when it is torn, or there is none yet. */
export function decodeNotified(bytes: Buffer): Notified | undefined {
  const at = offset.notified;
  if (bytes.length < size.notified || bytes.readUInt32LE(at.magic) !== stateMagic) return undefined;
  if (bytes.readUInt32LE(at.checksum) !== hashWords(bytes, at.checksum)) return undefined;
  return {
    start: bytes.readUInt32LE(at.start),
    ready: bytes[at.ready] !== 0,
    stopping: bytes[at.stopping] !== 0,
    trigger: bytes[at.trigger] !== 0,
    watchdogBootMs: nsToMs(bytes.readBigUInt64LE(at.watchdog_boot_ns)),
    status: text(bytes, at.status, at.checksum),
  };
}

/** The numbers of a slot. A DataView's methods are machine code, a Buffer's are JavaScript, which few commands warm up. */
const numbersOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length);

/** What lies at the same place in the slots of all versions: who runs, and since when. `from` is where the slot begins. */
export function decodeHead(bytes: Buffer, from = 0, view = numbersOf(bytes)) {
  const at = offset.state;
  return {
    sequence: view.getBigUint64(from + at.sequence, true),
    bootId: bytes.toString('hex', from + at.boot_id, from + at.boot_id + 16),
    monitorPid: view.getInt32(from + at.monitor_pid, true),
    monitorStart: view.getBigUint64(from + at.monitor_start, true),
    initPid: view.getInt32(from + at.init_pid, true),
    initStart: view.getBigUint64(from + at.init_start, true),
    createdMs: nsToMs(view.getBigUint64(from + at.created_ns, true)),
    startedMs: nsToMs(view.getBigUint64(from + at.started_ns, true)),
    finishedMs: nsToMs(view.getBigUint64(from + at.finished_ns, true)),
  };
}

/** One slot; undefined when it was never written, is torn, or belongs to another version. */
export function decodeState(bytes: Buffer, from = 0, view = numbersOf(bytes)): ShimState | undefined {
  const at = offset.state;
  if (bytes.length < from + size.state) return undefined;
  if (view.getUint32(from + at.magic, true) !== stateMagic || view.getUint32(from + at.abi, true) !== abi) {
    return undefined;
  }
  if (view.getUint32(from + at.checksum, true) !== hashWords(bytes.subarray(from), at.checksum)) return undefined;
  const head = decodeHead(bytes, from, view);
  // Not by spreading it: what comes after a spread is added one by one, which took two thirds of all the decoding.
  return {
    sequence: head.sequence,
    bootId: head.bootId,
    monitorPid: head.monitorPid,
    monitorStart: head.monitorStart,
    initPid: head.initPid,
    initStart: head.initStart,
    createdMs: head.createdMs,
    startedMs: head.startedMs,
    finishedMs: head.finishedMs,
    phase: view.getUint32(from + at.phase, true),
    starts: view.getUint32(from + at.starts, true),
    waitStatus: view.getInt32(from + at.wait_status, true),
    exitKnown: bytes[from + at.exit_known] !== 0,
    oomKilled: bytes[from + at.oom_killed] !== 0,
    stopRequested: bytes[from + at.stop_requested] !== 0,
    tty: bytes[from + at.tty] !== 0,
    failPhase: view.getUint16(from + at.fail_phase, true),
    failKind: view.getUint16(from + at.fail_kind, true),
    failOp: view.getUint32(from + at.fail_op, true),
    failError: view.getInt32(from + at.fail_error, true),
    failText: bytes[from + at.fail_text] === 0 ? '' : text(bytes, from + at.fail_text, from + at.kill_at_boot_s),
    adoptions: view.getUint32(from + at.adoptions, true),
    droppedBytes: view.getBigUint64(from + at.dropped_bytes, true),
  };
}

/** The state file: of its two slots the valid one with the higher sequence number. */
export function decodeStateFile(bytes: Buffer): ShimState | undefined {
  if (bytes.length < 2 * size.state) return decodeState(bytes, 0);
  const at = offset.state.sequence;
  // The newer one is nearly always whole, and then the other need not be looked at.
  const view = numbersOf(bytes);
  const secondIsNewer = view.getBigUint64(size.state + at, true) > view.getBigUint64(at, true);
  const [newer, older] = secondIsNewer ? [size.state, 0] : [0, size.state];
  return decodeState(bytes, newer, view) ?? decodeState(bytes, older, view);
}

/** What the tiny init left behind; undefined when it is missing or torn. */
export function decodeExit(bytes: Buffer): ExitRecord | undefined {
  const at = offset.exit;
  if (bytes.length < size.exit || bytes.readUInt32LE(at.magic) !== stateMagic) return undefined;
  if (bytes.readUInt32LE(at.checksum) !== hashWords(bytes, at.checksum)) return undefined;
  return {
    waitStatus: bytes.readInt32LE(at.wait_status),
    finishedMs: nsToMs(bytes.readBigUInt64LE(at.finished_ns)),
    start: bytes.readUInt32LE(at.start),
  };
}

/** `at` is where the entry begins in `bytes`. */
export function decodeLogEntry(bytes: Buffer, at: number): LogEntry {
  const o = offset.logEntry;
  return {
    offset: Number(bytes.readBigUInt64LE(at + o.offset)),
    timeMs: Number(bytes.readBigUInt64LE(at + o.time_ns)) / 1e6,
    length: bytes.readUInt32LE(at + o.length),
    stream: bytes[at + o.stream] as number,
    flags: bytes[at + o.flags] as number,
  };
}

/** A control request; what `a`, `b` and `flags` mean depends on the op. */
export function encodeRequest(
  op: keyof typeof controlOp,
  { a = 0, b = 0, flags = 0 }: { readonly a?: number; readonly b?: number; readonly flags?: number } = {},
): Buffer {
  const bytes = Buffer.alloc(size.request);
  bytes.writeUInt32LE(size.request, offset.request.size);
  bytes.writeUInt16LE(controlOp[op], offset.request.op);
  bytes.writeUInt16LE(flags, offset.request.flags);
  bytes.writeBigUInt64LE(BigInt(a), offset.request.a);
  bytes.writeBigUInt64LE(BigInt(b), offset.request.b);
  return bytes;
}
