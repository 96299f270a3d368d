/** Control and formatting characters as escapes: text of unknown origin that must not speak to the terminal. */
export const escapeControls = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);

const short: { readonly [character: string]: string } = { '\n': '\\n', '\t': '\\t', '\r': '\\r' };

const escaped = (character: string): string =>
  short[character] ?? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
