import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';

/** A stack file longer than this is refused unread: the largest real ones are below 1 MiB. */
export const maxStackBytes = 4 * 1024 * 1024;
/** The same for env and label files. */
export const maxEnvBytes = 1024 * 1024;

const byteOrderMark = '\u{feff}';

/** Text of a file; the error says what is wrong with the bytes. */
export function decode(bytes: Uint8Array): Result<string, string> {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    return err('is UTF-16; save it as UTF-8');
  }
  const zero = bytes.indexOf(0);
  if (zero !== -1) return err(`has a NUL byte at offset ${zero}: it is not a text file`);
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return ok(text.startsWith(byteOrderMark) ? text.slice(1) : text);
  } catch {
    return err(`is not valid UTF-8 (offset ${firstInvalid(bytes)}); save it as UTF-8`);
  }
}

function firstInvalid(bytes: Uint8Array): number {
  const lossy = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const at = lossy.indexOf('\u{fffd}');
  return at === -1 ? bytes.length : new TextEncoder().encode(lossy.slice(0, at)).length;
}

/** Text for a message: long ones are cut. */
export const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}…` : text);
