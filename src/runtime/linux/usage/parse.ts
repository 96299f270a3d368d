/** Pure readers of what the kernel's accounting files say. */

/** The number after `key ` in a file of `key value` lines. */
export function fieldOf(text: string | undefined, key: string): number | undefined {
  if (text === undefined) return undefined;
  const at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
  if (at === 0 && !text.startsWith(`${key} `)) return undefined;
  return Number.parseInt(text.slice(at + key.length + 1), 10);
}

/** A file that is one number; `max`, and what v1 writes for no limit (a page below 2^63), are undefined. */
export function numberIn(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number.parseInt(text, 10);
  return Number.isNaN(value) || value < 0 || value > 2 ** 62 ? undefined : value;
}

export type Bytes2 = { readonly in: number; readonly out: number };

/** /proc/PID/net/dev: received and sent by all interfaces but the loopback. */
export function networkBytes(text: string | undefined): Bytes2 | undefined {
  if (text === undefined) return undefined;
  const sum = { in: 0, out: 0 };
  for (const line of text.split('\n').slice(2)) {
    const colon = line.indexOf(':');
    if (colon === -1 || line.slice(0, colon).trim() === 'lo') continue;
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/);
    sum.in += Number(fields[0]);
    sum.out += Number(fields[8]);
  }
  return sum;
}

/** v2 io.stat: read and written, over all devices. */
export function ioStatBytes(text: string | undefined): Bytes2 | undefined {
  return text === undefined ? undefined : { in: sumOf(text, /rbytes=(\d+)/g), out: sumOf(text, /wbytes=(\d+)/g) };
}

/** v1 blkio.throttle.io_service_bytes: `8:0 Read 4096`. */
export function blkioBytes(text: string | undefined): Bytes2 | undefined {
  return text === undefined ? undefined : { in: sumOf(text, / Read (\d+)/g), out: sumOf(text, / Write (\d+)/g) };
}

/** /proc/PID/io: what reached the storage layer. */
export function processIoBytes(text: string | undefined): Bytes2 | undefined {
  if (text === undefined) return undefined;
  return { in: sumOf(text, /^read_bytes: (\d+)/gm), out: sumOf(text, /^write_bytes: (\d+)/gm) };
}

const sumOf = (text: string, pattern: RegExp): number =>
  [...text.matchAll(pattern)].reduce((sum, match) => sum + Number(match[1]), 0);

/** `some avg10=` of a pressure file: percent of the last ten seconds in which somebody had to wait. */
export function pressureIn(text: string | undefined): number | undefined {
  const match = /^some avg10=([\d.]+)/m.exec(text ?? '');
  return match === null ? undefined : Number(match[1]);
}
