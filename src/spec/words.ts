import { err, ok, type Result } from '../util/result.ts';

/**
 * Splits text into words as compose does: blanks separate, quotes and backslashes protect, nothing is expanded and no
 * shell is involved. Outside single quotes `\n` and `\t` are a line break and a tab.
 */
export function splitWords(text: string): Result<readonly string[], string> {
  const token = /\s+|'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|[^\s'"\\]+/y;
  const words: string[] = [];
  let word: string | undefined;
  while (token.lastIndex < text.length) {
    const rest = text[token.lastIndex] as string;
    const match = token.exec(text);
    if (match === null) return err(rest === '\\' ? 'it ends with a backslash' : `a closing ${rest} is missing`);
    if (/^\s/.test(match[0])) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? '') + unquoted(match);
    }
  }
  if (word !== undefined) words.push(word);
  return ok(words);
}

function unquoted([whole, single, double, backslashed]: RegExpExecArray): string {
  if (single !== undefined) return single;
  if (double !== undefined) return plain(double);
  return backslashed === undefined ? (whole as string) : escaped(backslashed);
}

const plain = (quoted: string): string => quoted.replace(/\\([\s\S])/g, (_, c: string) => escaped(c));

function escaped(c: string): string {
  if (c === 'n') return '\n';
  return c === 't' ? '\t' : c;
}
