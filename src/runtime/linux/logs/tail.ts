import type { LogEntry } from '../records.ts';
import type { Generation } from './generation.ts';

/** From where on each stream is shown: a generation (by its place in the list), an entry of it, a byte of that entry. */
export type Position = { readonly generation: number; readonly entry: number; readonly byte: number };
export type Start = { readonly [stream: number]: Position };

const batch = 1024;
const span = 1 << 20;
const newline = 10;

/**
 * The beginning of the last `lines` lines, found from the end without reading more than that. Lines of stdout and stderr
 * may be cut into each other; each stream starts at a beginning of a line of its own.
 */
export function findTail(
  generations: readonly Generation[],
  lines: number,
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
): Start {
  if (lines <= 0) return {};
  const finder = new Finder(lines);
  for (let g = generations.length - 1; g >= 0; g--) {
    for (const piece of backwards(generations[g] as Generation)) {
      if (piece.entry.timeMs > untilMs) continue;
      if (piece.entry.timeMs < sinceMs) return finder.found();
      if (finder.take(piece, g)) return finder.found();
    }
  }
  return finder.found();
}

/** How many entries of other streams are looked at for the beginning of a line whose end is shown. */
const mostForeign = 1024;

/** A line counts when its end is found; where it begins is after the newline before it in its stream. */
class Finder {
  #missing: number;
  /** Where what is shown of each stream begins, as far as has been looked. */
  readonly #starts = new Map<number, Position>();
  /** Streams whose earliest line has been seen to its end only. */
  readonly #open = new Set<number>();
  #foreign = 0;

  constructor(lines: number) {
    this.#missing = lines;
  }

  /** true when enough lines have been found. */
  take({ entry: { stream }, index, bytes }: Piece, generation: number): boolean {
    const isOpen = this.#open.has(stream);
    if (this.#missing === 0 && !isOpen) return ++this.#foreign > mostForeign;
    // What the stream has written last may have no newline yet.
    if (!isOpen && bytes.at(-1) !== newline) this.#end(stream);
    for (let at = bytes.lastIndexOf(newline); at !== -1; at = at === 0 ? -1 : bytes.lastIndexOf(newline, at - 1)) {
      if (this.#open.delete(stream) && at < bytes.length - 1) {
        this.#starts.set(stream, { generation, entry: index, byte: at + 1 });
      }
      if (this.#missing === 0) return this.#open.size === 0;
      this.#end(stream);
    }
    this.#starts.set(stream, { generation, entry: index, byte: 0 });
    return false;
  }

  found(): Start {
    return Object.fromEntries(this.#starts);
  }

  #end(stream: number): void {
    this.#missing--;
    this.#open.add(stream);
  }
}

type Piece = { readonly entry: LogEntry; readonly index: number; readonly bytes: Buffer };

/** The entries from the last to the first, with their bytes, read in large pieces. */
function* backwards(generation: Generation): Generator<Piece> {
  for (let to = generation.count(); to > 0; to = Math.max(0, to - batch)) {
    const from = Math.max(0, to - batch);
    const entries = generation.entries(from, to);
    for (let end = entries.length; end > 0; ) {
      const last = entries[end - 1] as LogEntry;
      let begin = end - 1;
      while (begin > 0 && last.offset + last.length - (entries[begin - 1] as LogEntry).offset <= span) begin--;
      const first = entries[begin] as LogEntry;
      const bytes = generation.read(first.offset, last.offset + last.length - first.offset);
      for (let i = end - 1; i >= begin; i--) {
        const entry = entries[i] as LogEntry;
        const at = entry.offset - first.offset;
        yield { entry, index: from + i, bytes: bytes.subarray(at, at + entry.length) };
      }
      end = begin;
    }
  }
}
