/**
 * 64 bits of hash over words of four bytes, in hex. Not cryptographic: it tells a file from its earlier or damaged self.
 * Node's own hashes cost 8 ms to load, more than everything else that a command with nothing to do needs.
 */
export function checksum(bytes: Uint8Array): string {
  const words = bytes.length >>> 2;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let high = 0x9e3779b9 ^ bytes.length;
  let low = 0x7f4a7c15;
  const mix = (word: number) => {
    high = Math.imul(high ^ word, 0x85ebca6b);
    high ^= high >>> 15;
    low = Math.imul(low ^ word ^ high, 0xc2b2ae35);
    low ^= low >>> 13;
  };
  for (let at = 0; at < words; at++) mix(view.getInt32(at * 4, true));
  for (let at = words * 4; at < bytes.length; at++) mix(view.getUint8(at));
  return hex(high) + hex(low);
}

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
