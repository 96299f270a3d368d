const newline = 10;
/** Four newlines; and the two masks that find a zero byte in four. */
const newlines = 0x0a0a0a0a;
const ones = 0x01010101;
const highs = 0x80808080;

/** The most that goes out in one write. */
const roomBytes = 128 << 10;
/** What a step of the copy may write beyond what it counts. */
const slackBytes = 16;
let shared: Room | undefined;

type Room = { readonly bytes: Buffer; readonly view: DataView };

export type HeadedLines = {
  /** Whole lines, the last newline included. */
  readonly bytes: Uint8Array;
  /** Before the first line, which may have begun in an earlier piece. */
  readonly first: readonly Uint8Array[];
  /** Before every other line. */
  readonly head: Uint8Array;
  /** Gets whole lines, unless one is too long; what it gets is only good until it returns. */
  readonly write: (bytes: Uint8Array) => void;
};

/**
 * Lines with something before each of them. This is what a gigabyte of logs goes through: the lines are copied into one
 * buffer that is used again and again, eight bytes at a time until there is a newline among them, because a call, a string
 * or a buffer for every line costs more than the line.
 */
export function writeHeadedLines({ bytes, first, head, write }: HeadedLines): void {
  shared ??= newRoom();
  const { bytes: room, view: into } = shared;
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const padded = paddedTo4(head);
  const most = roomBytes - padded.byteLength - slackBytes;
  if (most < head.length) throw new RangeError(`${head.length} bytes before every line`);
  let filled = 0;
  /** Where the line begins that is being copied. */
  let line = 0;
  const makeRoom = (): void => {
    const whole = line === 0 ? filled : line;
    write(room.subarray(0, whole));
    room.copyWithin(0, whole, filled);
    filled -= whole;
    line = 0;
  };
  const begun = first.length === 1 && first[0] !== undefined ? first[0] : Buffer.concat(first);
  if (begun.length > most) write(begun);
  else {
    room.set(begun);
    filled = begun.length;
  }
  const { length } = bytes;
  let at = 0;
  while (at < length) {
    if (filled >= most) makeRoom();
    const passed = copyWords(from, at, { into, to: filled, most: Math.min(length - 7 - at, most - filled) });
    at += passed;
    filled += passed;
    // The eight in which there is one, or the end.
    for (const last = Math.min(at + 8, length); at < last; ) {
      const byte = bytes[at++] as number;
      room[filled++] = byte;
      if (byte !== newline) continue;
      line = filled;
      if (at === length) break;
      for (let i = 0; i < padded.byteLength; i += 4) into.setInt32(filled + i, padded.getInt32(i, true), true);
      filled += head.length;
      break;
    }
  }
  if (filled > 0) write(room.subarray(0, filled));
}

type Target = { readonly into: DataView; readonly to: number; readonly most: number };

/** Copies eight bytes at a time while there is no newline among them; how many those are. Eight more may be written. */
function copyWords(from: DataView, start: number, { into, to, most }: Target): number {
  let done = 0;
  while (done < most) {
    const a = from.getInt32(start + done, true);
    const b = from.getInt32(start + done + 4, true);
    into.setInt32(to + done, a, true);
    into.setInt32(to + done + 4, b, true);
    const x = a ^ newlines;
    const y = b ^ newlines;
    if (((((x - ones) & ~x) | ((y - ones) & ~y)) & highs) !== 0) break;
    done += 8;
  }
  return done;
}

function newRoom(): Room {
  const bytes = Buffer.allocUnsafeSlow(roomBytes);
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}

function paddedTo4(head: Uint8Array): DataView {
  const bytes = new Uint8Array((head.length + 3) & ~3);
  bytes.set(head);
  return new DataView(bytes.buffer);
}
