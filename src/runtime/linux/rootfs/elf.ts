import { err, ok, type Result } from '../../../util/result.ts';

/** What the dynamic loader reads of an ELF file (elf(5)). Nothing in it is expanded or looked up yet. */
export type ElfFile = {
  /** `EM_*`; a library is only taken when its machine is that of the program. */
  readonly machine: number;
  /** `PT_INTERP`; absent for libraries and static programs. */
  readonly interpreter?: string;
  readonly needed: readonly string[];
  readonly soname?: string;
  /** Directories of `DT_RPATH`, split at colons. */
  readonly rpath: readonly string[];
  /** Directories of `DT_RUNPATH`, split at colons. */
  readonly runpath: readonly string[];
};

/** `length` bytes from `offset`; fewer at the end of the file. */
export type ReadAt = (offset: number, length: number) => Buffer;

export const machineNames: { readonly [machine: number]: string } = {
  3: 'i386',
  40: 'arm',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
};

const headerSize = 64;
const programHeaderSize = 56;
const maxProgramHeaders = 1024;
const maxDynamicBytes = 1 << 20;
const maxStringBytes = 4096;
const maxNeeded = 2048;

const ptLoad = 1;
const ptDynamic = 2;
const ptInterp = 3;
const dtNull = 0;
const dtNeeded = 1;
const dtStrtab = 5;
const dtSoname = 14;
const dtRpath = 15;
const dtRunpath = 29;

type Segment = {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly fileSize: number;
};

export const isElf = (head: Buffer): boolean => head.length >= 4 && head.readUInt32BE(0) === 0x7f454c46;

/**
 * Reads the headers and the dynamic section. Every offset and count is checked, and nothing of the file is ever run:
 * `ldd` would hand control to the interpreter that the file names.
 */
export function readElf(readAt: ReadAt): Result<ElfFile, string> {
  const head = readAt(0, headerSize);
  if (!isElf(head)) return err('not an ELF file');
  if (head.length < headerSize) return err('its ELF header is cut off');
  if (head[4] !== 2) return err('a 32-bit ELF file; only 64-bit programs are supported');
  if (head[5] !== 1) return err('a big-endian ELF file; only little-endian programs are supported');

  const segments = readSegments(readAt, head);
  if (!segments.ok) return segments;

  const machine = head.readUInt16LE(18);
  const interp = segments.value.find((segment) => segment.type === ptInterp);
  const interpreter = interp && readString(readAt, interp.offset, Math.min(interp.fileSize, maxStringBytes));
  const dynamic = segments.value.find((segment) => segment.type === ptDynamic);
  const names = dynamic === undefined ? ok(noNames) : readDynamic(readAt, dynamic, segments.value);
  if (!names.ok) return names;
  return ok({ machine, ...(interpreter ? { interpreter } : {}), ...names.value });
}

function readSegments(readAt: ReadAt, head: Buffer): Result<readonly Segment[], string> {
  const tableOffset = toOffset(head.readBigUInt64LE(32));
  const entrySize = head.readUInt16LE(54);
  const count = head.readUInt16LE(56);
  if (count === 0) return ok([]);
  if (tableOffset === undefined || entrySize !== programHeaderSize || count > maxProgramHeaders) {
    return err('its program header table makes no sense');
  }
  const table = readAt(tableOffset, entrySize * count);
  if (table.length < entrySize * count) return err('its program header table is cut off');

  const segments: Segment[] = [];
  for (let at = 0; at < table.length; at += entrySize) {
    const offset = toOffset(table.readBigUInt64LE(at + 8));
    const address = toOffset(table.readBigUInt64LE(at + 16));
    const fileSize = toOffset(table.readBigUInt64LE(at + 32));
    if (offset === undefined || address === undefined || fileSize === undefined) continue;
    segments.push({ type: table.readUInt32LE(at), offset, address, fileSize });
  }
  return ok(segments);
}

type DynamicNames = Pick<ElfFile, 'needed' | 'soname' | 'rpath' | 'runpath'>;
const noNames: DynamicNames = { needed: [], rpath: [], runpath: [] };

function readDynamic(readAt: ReadAt, dynamic: Segment, segments: readonly Segment[]): Result<DynamicNames, string> {
  if (dynamic.fileSize > maxDynamicBytes) return err('its dynamic section is too large');
  const table = readAt(dynamic.offset, dynamic.fileSize);

  const { names, stringTable } = namesIn(table, segments);
  // A static PIE has a dynamic section without names; a stripped debug file has one without contents.
  if (names.length === 0) return ok(noNames);
  if (stringTable === undefined) return err('its dynamic section has no string table');
  if (names.length > maxNeeded) return err('it needs too many libraries');

  const needed: string[] = [];
  const rpath: string[] = [];
  const runpath: string[] = [];
  let soname: string | undefined;
  for (const { tag, at } of names) {
    const offset = toOffset(BigInt(stringTable) + at);
    const text = offset === undefined ? undefined : readString(readAt, offset, maxStringBytes);
    if (text === undefined) return err('a name in its dynamic section is cut off');
    if (tag === dtNeeded) needed.push(text);
    else if (tag === dtSoname) soname = text;
    else (tag === dtRpath ? rpath : runpath).push(...text.split(':').filter(Boolean));
  }
  return ok({ needed, ...(soname ? { soname } : {}), rpath, runpath });
}

type NameEntry = { readonly tag: number; readonly at: bigint };

/** Entries of the dynamic section whose value is an offset in the string table, and where that is in the file. */
function namesIn(table: Buffer, segments: readonly Segment[]): { names: NameEntry[]; stringTable: number | undefined } {
  const names: NameEntry[] = [];
  let stringTable: number | undefined;
  for (let at = 0; at + 16 <= table.length; at += 16) {
    const tag = table.readBigInt64LE(at);
    if (tag === BigInt(dtNull)) break;
    const value = table.readBigUInt64LE(at + 8);
    if (tag === BigInt(dtStrtab)) stringTable = fileOffsetOf(segments, value);
    if (stringTags.has(tag)) names.push({ tag: Number(tag), at: value });
  }
  return { names, stringTable };
}

const stringTags: ReadonlySet<bigint> = new Set([dtNeeded, dtSoname, dtRpath, dtRunpath].map(BigInt));

function fileOffsetOf(segments: readonly Segment[], address: bigint): number | undefined {
  const at = toOffset(address);
  if (at === undefined) return undefined;
  for (const { type, offset, address: start, fileSize } of segments) {
    if (type === ptLoad && at >= start && at < start + fileSize) return offset + (at - start);
  }
  return undefined;
}

/** undefined when no NUL follows within `limit` bytes. */
function readString(readAt: ReadAt, offset: number, limit: number): string | undefined {
  const bytes = readAt(offset, limit);
  const end = bytes.indexOf(0);
  return end < 0 ? undefined : bytes.toString('utf8', 0, end);
}

function toOffset(value: bigint): number | undefined {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}
