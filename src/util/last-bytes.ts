/** The end of a stream, of whatever length that is: never more than twice the limit is held. */
export class LastBytes {
  readonly #limit: number;
  #kept: Uint8Array[] = [];
  #length = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(bytes: Uint8Array): void {
    this.#kept.push(bytes);
    this.#length += bytes.length;
    if (this.#length <= 2 * this.#limit) return;
    this.#kept = [this.value()];
    this.#length = this.#limit;
  }

  /** The last bytes that were added, as many as the limit. */
  value(): Buffer {
    return Buffer.concat(this.#kept).subarray(-this.#limit);
  }
}
