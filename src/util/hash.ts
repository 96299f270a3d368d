/**
 * MurmurHash3 (x86, 32 bits, seed 0): finds what is torn and spreads names evenly, against mishaps and not against malice.
 * Word by word, because its reader is a cold interpreter. `bytes` of the last word that are not there count as zero.
 */
export function hashOfWords(words: Int32Array, bytes: number): number {
  let hash = 0;
  for (let at = 0; at < words.length; at++) {
    const word = Math.imul(words[at] as number, 0xcc9e2d51);
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b873593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64) | 0;
  }
  hash ^= bytes;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * A number below 2³² that is the same for the same text in every run, machines of the same byte order given. Loading
 * node:crypto for a name takes longer than everything else that is done with it.
 */
export function hashOfText(text: string): number {
  const bytes = Buffer.from(text);
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  new Uint8Array(words.buffer).set(bytes);
  return hashOfWords(words, bytes.length);
}

/** `hashOfText` as eight hexadecimal digits. */
export const hexOfText = (text: string): string => hashOfText(text).toString(16).padStart(8, '0');
