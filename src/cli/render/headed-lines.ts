const newline = 10;
/** Also the most that goes out in one write. */
const roomBytes = 128 << 10;
/** Up to here a loop is faster than a call. */
const shortBytes = 96;
let room: Buffer | undefined;

export type HeadedLines = {
  /** Whole lines, the last newline included. */
  readonly bytes: Uint8Array;
  /** Before the first line, which may have begun in an earlier piece. */
  readonly first: readonly Uint8Array[];
  /** Before every other line. */
  readonly head: Uint8Array;
  /** Gets whole lines; what it gets is only good until it returns. */
  readonly write: (bytes: Uint8Array) => void;
};

/**
 * Lines with something before each of them. They are copied into one buffer that is used again and again: this is what a
 * gigabyte of logs goes through, and a string or a buffer for every piece is garbage that has to be collected.
 */
export function writeHeadedLines({ bytes, first, head, write }: HeadedLines): void {
  room ??= Buffer.allocUnsafeSlow(roomBytes);
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let filled = 0;
  let at = 0;
  let before = first.length === 1 && first[0] !== undefined ? first[0] : Buffer.concat(first);
  while (at < from.length) {
    const found = from.indexOf(newline, at);
    const end = found === -1 ? from.length : found + 1;
    const needed = before.length + end - at;
    if (filled > 0 && filled + needed > roomBytes) {
      write(room.subarray(0, filled));
      filled = 0;
    }
    if (needed > roomBytes) {
      write(Buffer.concat([before, from.subarray(at, end)]));
    } else {
      filled = copy(before, { from: 0, to: before.length }, { into: room, at: filled });
      filled = copy(from, { from: at, to: end }, { into: room, at: filled });
    }
    before = head;
    at = end;
  }
  if (filled > 0) write(room.subarray(0, filled));
}

type Stretch = { readonly from: number; readonly to: number };

/** Where the copy ends. */
function copy(bytes: Uint8Array, { from, to }: Stretch, { into, at }: { readonly into: Buffer; readonly at: number }) {
  if (to - from < shortBytes) {
    for (let i = from, o = at; i < to; i++, o++) into[o] = bytes[i] as number;
  } else {
    into.set(bytes.subarray(from, to), at);
  }
  return at + to - from;
}
