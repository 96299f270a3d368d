import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export type ElfOptions = {
  readonly machine?: number;
  readonly interpreter?: string;
  readonly needed?: readonly string[];
  readonly soname?: string;
  readonly rpath?: string;
  readonly runpath?: string;
};

/** Bytes of a 64-bit ELF file that says just this; there is no code in it. */
export function elfBytes(options: ElfOptions): Buffer {
  const strings: Buffer[] = [Buffer.from('\0')];
  let length = 1;
  const add = (text: string): number => {
    const at = length;
    strings.push(Buffer.from(`${text}\0`));
    length += Buffer.byteLength(text) + 1;
    return at;
  };
  const { needed = [], soname, rpath, runpath, interpreter, machine = 62 } = options;
  const tags: [number, number][] = needed.map((name) => [1, add(name)]);
  if (soname !== undefined) tags.push([14, add(soname)]);
  if (rpath !== undefined) tags.push([15, add(rpath)]);
  if (runpath !== undefined) tags.push([29, add(runpath)]);

  const headers = 64 + 3 * 56;
  const interp = Buffer.from(interpreter === undefined ? '' : `${interpreter}\0`);
  const stringsAt = headers + interp.length;
  const dynamicAt = stringsAt + length;
  // Addresses are not offsets: a reader that mixes them up finds nothing.
  const base = 0x400000;
  tags.push([5, base + stringsAt], [0, 0]);

  const file = Buffer.alloc(dynamicAt + tags.length * 16);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file);
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(3, 56);
  const segment = (index: number, [type, at, size]: readonly [number, number, number]): void => {
    file.writeUInt32LE(type, 64 + index * 56);
    file.writeBigUInt64LE(BigInt(at), 64 + index * 56 + 8);
    file.writeBigUInt64LE(BigInt(base + at), 64 + index * 56 + 16);
    file.writeBigUInt64LE(BigInt(size), 64 + index * 56 + 32);
  };
  segment(0, [1, 0, file.length]);
  segment(1, [2, dynamicAt, tags.length * 16]);
  segment(2, interpreter === undefined ? [0, 0, 0] : [3, headers, interp.length]);
  interp.copy(file, headers);
  Buffer.concat(strings).copy(file, stringsAt);
  tags.forEach(([tag, value], index) => {
    file.writeBigInt64LE(BigInt(tag), dynamicAt + index * 16);
    file.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  });
  return file;
}

export function writeElf(path: string, options: ElfOptions): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, elfBytes(options));
  chmodSync(path, 0o755);
}
