const special: { readonly [name: string]: number } = { '@': 0, '[': 27, '\\': 28, ']': 29, '^': 30, _: 31 };

/** `ctrl-p,ctrl-q`, `ctrl-]`, `a,b`: the bytes a terminal sends for them; undefined when it is none of these. */
export function parseKeys(text: string): Uint8Array | undefined {
  const bytes = text.split(',').map((word) => {
    if (/^[\x21-\x7e]$/.test(word)) return word.charCodeAt(0);
    const control = /^ctrl-(.)$/i.exec(word)?.[1]?.toLowerCase();
    if (control === undefined) return undefined;
    return /[a-z]/.test(control) ? control.charCodeAt(0) - 96 : special[control];
  });
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes as number[]) : undefined;
}

/**
 * Looks for the keys in what is typed. Keys that could be the beginning are held back until the next one decides; `typed` is
 * what is to be passed on.
 */
export class KeyWatch {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  feed(bytes: Uint8Array): { readonly typed: Uint8Array; readonly detached: boolean } {
    const typed: number[] = [];
    for (const byte of bytes) {
      const held = [...this.#keys.subarray(0, this.#matched), byte];
      // Of keys that begin with the same letter twice, what is not their end may still be their beginning.
      while (held.some((each, at) => each !== this.#keys[at])) typed.push(held.shift() as number);
      this.#matched = held.length;
      if (this.#matched === this.#keys.length) return { typed: Uint8Array.from(typed), detached: true };
    }
    return { typed: Uint8Array.from(typed), detached: false };
  }
}
