/**
 * `/etc/ld.so.cache` of glibc: which file the loader opens for a library's name. There is no manual page for the format;
 * it is that of ldconfig since glibc 2.2: an optional block of the old format, then a header, entries sorted for a binary
 * search, and the strings.
 */

export type CacheEntry = { readonly name: string; readonly path: string };

const oldMagic = Buffer.from('ld.so-1.7.0\0');
const magic = Buffer.from('glibc-ld.so.cache1.1');
const headerSize = 48;
const entrySize = 24;
const oldHeaderSize = 16;
const oldEntrySize = 12;
const maxEntries = 100_000;

/** Flags of an entry ("a 64-bit library for libc 6") by ELF machine. */
const entryFlags: { readonly [machine: number]: number } = { 62: 0x0303, 183: 0x0a03, 243: 0x1003 };

/** In the order of the file, which is the loader's preference among entries of one name; empty for what is no cache. */
export function readCache(bytes: Buffer): readonly CacheEntry[] {
  const start = findHeader(bytes);
  if (start === undefined) return [];
  const count = bytes.readUInt32LE(start + 20);
  if (count > maxEntries || start + headerSize + count * entrySize > bytes.length) return [];

  const entries: CacheEntry[] = [];
  for (let index = 0; index < count; index++) {
    const at = start + headerSize + index * entrySize;
    const name = readString(bytes, start + bytes.readUInt32LE(at + 4));
    const path = readString(bytes, start + bytes.readUInt32LE(at + 8));
    if (name !== undefined && path?.startsWith('/')) entries.push({ name, path });
  }
  return entries;
}

function findHeader(bytes: Buffer): number | undefined {
  if (startsWith(bytes, 0, magic)) return bytes.length >= headerSize ? 0 : undefined;
  if (!startsWith(bytes, 0, oldMagic) || bytes.length < oldHeaderSize) return undefined;
  const oldSize = oldHeaderSize + bytes.readUInt32LE(12) * oldEntrySize;
  const start = Math.ceil(oldSize / 8) * 8;
  return startsWith(bytes, start, magic) && start + headerSize <= bytes.length ? start : undefined;
}

const startsWith = (bytes: Buffer, at: number, prefix: Buffer): boolean =>
  bytes.subarray(at, at + prefix.length).equals(prefix);

function readString(bytes: Buffer, at: number): string | undefined {
  const end = at < bytes.length ? bytes.indexOf(0, at) : -1;
  return end < 0 ? undefined : bytes.toString('utf8', at, end);
}

/** undefined for a machine whose flags we do not know; its loader then has only its default directories. */
export function writeCache(libraries: ReadonlyMap<string, string>, machine: number): Buffer | undefined {
  const flags = entryFlags[machine];
  if (flags === undefined) return undefined;
  const names = [...libraries.keys()].sort((a, b) => compareNames(b, a));

  const strings: Buffer[] = [];
  let end = headerSize + names.length * entrySize;
  const add = (text: string): number => {
    const bytes = Buffer.from(`${text}\0`);
    const at = end;
    strings.push(bytes);
    end += bytes.length;
    return at;
  };

  const table = Buffer.alloc(headerSize + names.length * entrySize);
  magic.copy(table);
  names.forEach((name, index) => {
    const at = headerSize + index * entrySize;
    table.writeInt32LE(flags, at);
    table.writeUInt32LE(add(name), at + 4);
    table.writeUInt32LE(add(libraries.get(name) ?? ''), at + 8);
  });
  table.writeUInt32LE(names.length, 20);
  table.writeUInt32LE(end - table.length, 24);
  table.writeUInt8(2, 28); // the byte order of this file: little-endian
  return Buffer.concat([table, ...strings]);
}

/**
 * The order the loader's binary search expects, ascending: runs of digits count as numbers and come after other
 * characters, so that libfoo.so.10 is above libfoo.so.9.
 */
export function compareNames(a: string, b: string): number {
  const left = pieces(a);
  const right = pieces(b);
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const order = comparePieces(left[index] ?? '', right[index] ?? '');
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function comparePieces(a: string | number, b: string | number): number {
  if (typeof a !== typeof b) return typeof a === 'number' ? 1 : -1;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

const pieces = (name: string): readonly (string | number)[] =>
  (name.match(/\d+|\D/g) ?? []).map((piece) => (/\d/.test(piece) ? Number(piece) : piece));
