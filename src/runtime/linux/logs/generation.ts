import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { size } from '../protocol.ts';
import { decodeLogEntry, type LogEntry } from '../records.ts';

const entrySize = size.logEntry;

/** One pair of log and index, held open: a rotation renames them, but what we read stays what it was. */
export class Generation {
  readonly #data: number;
  readonly #index: number;
  readonly inode: number;

  private constructor(data: number, index: number) {
    this.#data = data;
    this.#index = index;
    this.inode = fstatSync(index).ino;
  }

  /** The pair with this number in a log directory (0 is the one being written); undefined when there is none. */
  static open(directory: string, number: number): Generation | undefined {
    const suffix = number === 0 ? '' : `.${number}`;
    for (let attempt = 0; attempt < 10; attempt++) {
      const data = tryOpen(`${directory}/log${suffix}`);
      if (data === undefined) return undefined;
      const index = tryOpen(`${directory}/index${suffix}`);
      if (index === undefined) {
        closeSync(data);
        return undefined;
      }
      // A rotation between the two opens gives halves of two pairs; then both names have moved on.
      if (inodeOf(`${directory}/log${suffix}`) === fstatSync(data).ino) return new Generation(data, index);
      closeSync(data);
      closeSync(index);
    }
    return undefined;
  }

  /** How many entries the index has by now. */
  count(): number {
    return Math.floor(fstatSync(this.#index).size / entrySize);
  }

  entries(from: number, to: number): LogEntry[] {
    const bytes = Buffer.allocUnsafe((to - from) * entrySize);
    const got = readSync(this.#index, bytes, 0, bytes.length, from * entrySize);
    const found: LogEntry[] = [];
    for (let at = 0; at + entrySize <= got; at += entrySize) found.push(decodeLogEntry(bytes, at));
    return found;
  }

  /** Shorter than asked only when the file is. */
  read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    let got = 0;
    while (got < length) {
      const n = readSync(this.#data, bytes, got, length - got, offset + got);
      if (n === 0) break;
      got += n;
    }
    return bytes.subarray(0, got);
  }

  close(): void {
    closeSync(this.#data);
    closeSync(this.#index);
  }
}

/** All pairs of a directory, oldest first. */
export function openGenerations(directory: string): Generation[] {
  for (let attempt = 0; ; attempt++) {
    const generations: Generation[] = [];
    for (let number = 0; ; number++) {
      const generation = Generation.open(directory, number);
      if (generation === undefined) break;
      generations.unshift(generation);
    }
    // While they were opened a rotation may have shown us one of them twice, or hidden one.
    const newest = generations.at(-1);
    const distinct = new Set(generations.map(({ inode }) => inode)).size === generations.length;
    if (newest === undefined || attempt >= 5 || (distinct && inodeOf(`${directory}/index`) === newest.inode)) {
      return generations;
    }
    for (const generation of generations) generation.close();
  }
}

export function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}

function tryOpen(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}
