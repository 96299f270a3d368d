/**
 * Columns that a terminal gives to a text without control characters: 2 for wide East Asian characters and emoji, 0 for
 * combining marks and joiners. Approximates Unicode's East Asian Width (UAX #11) by ranges; exact tables differ between
 * terminals anyway.
 */
export function columnsOf(text: string): number {
  if (plainAscii.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += widthOf(character);
  return columns;
}

/** The longest start of `text` that fits into `columns`. */
export function fitColumns(text: string, columns: number): string {
  if (text.length <= columns && plainAscii.test(text)) return text;
  let used = 0;
  let length = 0;
  for (const character of text) {
    used += widthOf(character);
    if (used > columns) break;
    length += character.length;
  }
  return text.slice(0, length);
}

/** What may be printed in a line: tabs become `tab` spaces; control characters, which could move the cursor or worse, a mark. */
export function printable(text: string, tab = 4): string {
  return text.replaceAll('\t', ' '.repeat(tab)).replace(unprintable, '�');
}

const plainAscii = /^[\x20-\x7e]*$/;
// C0 and C1 controls, line separators, bidirectional overrides (CVE-2021-42574) and lone surrogates.
const unprintable =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
/** Made when it is needed: collecting the characters of these categories takes as long as looking at two containers. */
let zeroWidth: RegExp | undefined;

function widthOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  zeroWidth ??= /^[\p{Mn}\p{Me}\p{Cf}]$/u;
  if (zeroWidth.test(character)) return 0;
  for (let at = 0; at < wideRanges.length; at += 2)
    if (code >= (wideRanges[at] as number) && code <= (wideRanges[at + 1] as number)) return 2;
  return 1;
}

/** First and last of each range, one after the other: an array of arrays would be made anew at every start. */
const wideRanges = [
  0x1100, 0x115f, 0x231a, 0x231b, 0x23e9, 0x23f3, 0x25fd, 0x25fe, 0x2614, 0x2615, 0x2648, 0x2653, 0x26a1, 0x26a1,
  0x26aa, 0x26ab, 0x26bd, 0x26be, 0x26c4, 0x26c5, 0x26d4, 0x26d4, 0x2705, 0x2705, 0x270a, 0x270b, 0x2728, 0x2728,
  0x274c, 0x274c, 0x2753, 0x2757, 0x2e80, 0x303e, 0x3041, 0x33ff, 0x3400, 0x4dbf, 0x4e00, 0x9fff, 0xa000, 0xa4cf,
  0xa960, 0xa97f, 0xac00, 0xd7a3, 0xf900, 0xfaff, 0xfe30, 0xfe6f, 0xff00, 0xff60, 0xffe0, 0xffe6, 0x16fe0, 0x18cff,
  0x1b000, 0x1b2ff, 0x1f004, 0x1f004, 0x1f0cf, 0x1f0cf, 0x1f18e, 0x1f18e, 0x1f191, 0x1f19a, 0x1f200, 0x1f320, 0x1f32d,
  0x1f64f, 0x1f680, 0x1f6ff, 0x1f900, 0x1faff, 0x20000, 0x3fffd,
];
