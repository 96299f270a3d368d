/**
 * 64 bits of hash over words of four bytes, in hex. Not cryptographic: it tells a file from its earlier or damaged self.
 * Node's own hashes cost 8 ms to load, more than everything else that a command with nothing to do needs; this loop is
 * run by the interpreter and therefore one plain loop over numbers.
 */
export function checksum(bytes: Uint8Array): string {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
  let high = 0x9e3779b9 ^ bytes.length;
  let low = 0x7f4a7c15;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as number;
    high = Math.imul(high ^ word, 0x85ebca6b);
    low = Math.imul(low ^ word ^ (high >>> 15), 0xc2b2ae35);
  }
  for (let at = words.length * 4; at < bytes.length; at++) {
    high = Math.imul(high ^ (bytes[at] as number), 0x85ebca6b);
    low = Math.imul(low ^ (high >>> 15), 0xc2b2ae35);
  }
  return hex(high ^ (high >>> 16)) + hex(low ^ (low >>> 13));
}

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
