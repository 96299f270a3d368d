import type { ContainerName } from '../../../model/units.ts';
import type { LogEntry } from '../records.ts';
import type { LogChunk } from './chunk.ts';
import { type Generation, inodeOf, openGenerations } from './generation.ts';
import { findTail, type Position, type Start } from './tail.ts';

const batch = 1024;
const span = 1 << 20;
/** Entries of one stream that are closer than this are one chunk: nobody can see the difference in a timestamp. */
const sameMs = 1;

export type ReaderOptions = { readonly tail?: number; readonly sinceMs: number; readonly untilMs: number };

/** The log of one container, from the oldest pair of files to the one being written. */
export class LogReader {
  readonly #container: ContainerName;
  readonly #directory: string;
  readonly #options: ReaderOptions;
  #generations: Generation[];
  /** Of the generation that is read now: which entry comes next, and where in it. */
  #entry = 0;
  #byte = 0;
  /** Generations are numbered as they were at the beginning; `#first` is the number of the one read now. */
  #first = 0;
  readonly #start: Start | undefined;
  #ready: LogChunk[] = [];
  #taken = 0;

  constructor(container: ContainerName, directory: string, options: ReaderOptions) {
    this.#container = container;
    this.#directory = directory;
    this.#options = options;
    this.#generations = openGenerations(directory);
    if (options.tail !== undefined) {
      this.#start = findTail(this.#generations, options.tail, options);
      this.#skipTo(this.#start);
    } else if (options.sinceMs > 0) {
      this.#skipToTime(options.sinceMs);
    }
  }

  /** The next chunk without taking it; undefined when there is none for now. */
  peek(): LogChunk | undefined {
    while (this.#taken >= this.#ready.length) {
      if (!this.#fill()) return undefined;
    }
    return this.#ready[this.#taken];
  }

  take(): void {
    this.#taken++;
  }

  close(): void {
    for (const generation of this.#generations) generation.close();
    this.#generations = [];
  }

  /** Reads on; false when everything that is there has been read. */
  #fill(): boolean {
    const generation = this.#generations[0] ?? this.#reopen();
    if (generation === undefined) return false;
    const count = generation.count();
    if (this.#entry >= count) return this.#advance(generation);
    const entries = generation.entries(this.#entry, Math.min(count, this.#entry + batch));
    this.#ready = [];
    this.#taken = 0;
    this.#read(generation, entries);
    return true;
  }

  /** Chunks of as many entries as one read takes. */
  #read(generation: Generation, entries: readonly LogEntry[]): void {
    const first = entries[0] as LogEntry;
    const from = first.offset + this.#byte;
    const room = Math.min(first.length - this.#byte, span);
    let last = 1;
    while (last < entries.length && end(entries[last] as LogEntry) - from <= span) last++;
    const to = last === 1 ? from + room : end(entries[last - 1] as LogEntry);
    const bytes = generation.read(from, to - from);
    if (last === 1) {
      this.#add(first, this.#entry, bytes, this.#byte);
      this.#byte += room;
      if (this.#byte < first.length) return;
    } else {
      for (let i = 0; i < last; i++) {
        const entry = entries[i] as LogEntry;
        const skipped = i === 0 ? this.#byte : 0;
        const at = entry.offset + skipped - from;
        this.#add(entry, this.#entry + i, bytes.subarray(at, at + entry.length - skipped), skipped);
      }
    }
    this.#entry += last;
    this.#byte = 0;
  }

  /** `skipped` bytes of the entry come before these. */
  #add({ stream, timeMs }: LogEntry, entry: number, bytes: Buffer, skipped: number): void {
    if (timeMs < this.#options.sinceMs || timeMs > this.#options.untilMs) return;
    const wanted = this.#fromStart(stream, entry, bytes, skipped);
    if (wanted.length === 0) return;
    const name = stream === 2 ? 'stderr' : 'stdout';
    const before = this.#ready.at(-1);
    if (before?.stream === name && timeMs - before.timeMs < sameMs && isNext(before.bytes, wanted)) {
      const joined = Buffer.from(wanted.buffer, before.bytes.byteOffset, before.bytes.length + wanted.length);
      this.#ready[this.#ready.length - 1] = { ...before, bytes: joined };
      return;
    }
    this.#ready.push({ container: this.#container, stream: name, timeMs, bytes: wanted });
  }

  /** What of an entry lies behind the beginning that `tail` has found for its stream. */
  #fromStart(stream: number, entry: number, bytes: Buffer, skipped: number): Buffer {
    if (this.#start === undefined) return bytes;
    const start = this.#start[stream];
    // A stream without a beginning shows nothing of what was there when we began.
    const at: Position = start ?? this.#present;
    const order = this.#first - at.generation || entry - at.entry;
    if (order < 0) return bytes.subarray(bytes.length);
    return order > 0 ? bytes : bytes.subarray(Math.min(bytes.length, Math.max(0, at.byte - skipped)));
  }

  /** The end of the log when it was opened. */
  #present: Position = { generation: 0, entry: 0, byte: 0 };

  #skipTo(start: Start): void {
    const last = this.#generations.length - 1;
    this.#present = { generation: Math.max(0, last), entry: this.#generations[last]?.count() ?? 0, byte: 0 };
    const positions = Object.values(start) as Position[];
    const first = positions.reduce((a, b) => (before(b, a) ? b : a), this.#present);
    for (const generation of this.#generations.splice(0, first.generation)) generation.close();
    this.#first = first.generation;
    this.#entry = first.entry;
  }

  /**
   * Close to the first entry from then on. Where the clock was set back it may be later, but never after an entry that is too
   * old itself: what was written lately is shown.
   */
  #skipToTime(sinceMs: number): void {
    const isOld = (generation: Generation): boolean => {
      const count = generation.count();
      return count > 0 && timeOf(generation, count - 1) < sinceMs;
    };
    while (this.#generations.length > 1 && isOld(this.#generations[0] as Generation)) {
      this.#generations.shift()?.close();
      this.#first++;
    }
    const generation = this.#generations[0];
    if (generation === undefined) return;
    let [low, high] = [0, generation.count()];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (timeOf(generation, middle) < sinceMs) low = middle + 1;
      else high = middle;
    }
    this.#entry = low;
  }

  /** To the next pair of files, if ours has been put aside by a rotation or was removed with its container. */
  #advance(done: Generation): boolean {
    if (this.#generations.length === 1) {
      const current = inodeOf(`${this.#directory}/index`);
      if (current === undefined || current === done.inode) return false;
      // What was written between the last look and the rotation is still to be read.
      if (this.#entry < done.count()) return true;
      const all = openGenerations(this.#directory);
      const at = all.findIndex(({ inode }) => inode === done.inode);
      for (const generation of all.splice(0, at + 1)) generation.close();
      this.#generations.push(...all);
    }
    this.#generations.shift()?.close();
    this.#first++;
    this.#entry = 0;
    this.#byte = 0;
    return this.#generations.length > 0;
  }

  #reopen(): Generation | undefined {
    this.#generations = openGenerations(this.#directory);
    return this.#generations[0];
  }
}

const timeOf = (generation: Generation, entry: number): number => generation.entries(entry, entry + 1)[0]?.timeMs ?? 0;
const end = (entry: LogEntry): number => entry.offset + entry.length;
const before = (a: Position, b: Position): boolean => (a.generation - b.generation || a.entry - b.entry) < 0;

/** Whether `next` follows directly in the same piece of memory. */
const isNext = (first: Buffer, next: Buffer): boolean =>
  first.buffer === next.buffer && first.byteOffset + first.length === next.byteOffset;
