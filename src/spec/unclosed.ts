/** A bracket or quote that is open at the end of a text. */
export type Unclosed = { readonly at: number; readonly opener: Opener };
type Opener = '[' | '{' | '"' | "'";

/** What is still open at the end of `text`, the innermost. A guess, for messages only: block scalars can deceive it. */
export function unclosedIn(text: string): Unclosed | undefined {
  const open: Unclosed[] = [];
  const candidates = /["'[\]{}#]/g;
  for (let match = candidates.exec(text); match !== null; match = candidates.exec(text)) {
    const found = match[0] as Opener | ']' | '}' | '#';
    const at = match.index;
    if (found === ']' || found === '}') open.pop();
    else if (found === '#') candidates.lastIndex = startsComment(text, at) ? endOfLine(text, at) : at + 1;
    else if (!startsValue(text, at)) continue;
    else if (found === '[' || found === '{') open.push({ at, opener: found });
    else {
      const end = endOfQuote(text, at, found);
      if (end === undefined) return { at, opener: found };
      candidates.lastIndex = end + 1;
    }
  }
  return open.at(-1);
}

const startsComment = (text: string, at: number): boolean => at === 0 || /\s/.test(text.charAt(at - 1));

/** On a line of its own, or after what separates values. */
function startsValue(text: string, at: number): boolean {
  let before = at - 1;
  while (text[before] === ' ' || text[before] === '\t') before--;
  return before < 0 || '\n:,?-[{'.includes(text.charAt(before));
}

/** A loop, because an expression for it needs memory for every character of a long text. */
function endOfQuote(text: string, from: number, quote: '"' | "'"): number | undefined {
  for (let at = from + 1; at < text.length; at++) {
    if (text[at] === '\\' && quote === '"') at++;
    else if (text[at] === quote && (quote === '"' || text[at + 1] !== quote)) return at;
    else if (text[at] === quote) at++;
  }
  return undefined;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}
