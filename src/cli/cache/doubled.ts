/**
 * Damage is found by keeping everything twice and comparing the halves: that is one native call, where any checksum that
 * does not cost milliseconds to load would be run by the interpreter. Both halves damaged alike (a file of zeros after a
 * power cut) is something that readers notice by the content.
 */
export function doubled(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, bytes]);
}

/** What was doubled; undefined when the halves differ. */
export function halved(bytes: Buffer): Buffer | undefined {
  const half = bytes.subarray(0, bytes.length / 2);
  return bytes.length > 0 && bytes.length % 2 === 0 && half.equals(bytes.subarray(bytes.length / 2)) ? half : undefined;
}
