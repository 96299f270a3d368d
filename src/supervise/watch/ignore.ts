/**
 * The pattern language of .dockerignore: Go's filepath.Match (`*`, `?`, `[a-z]`, `\x`), `**` for any number of
 * directories, `!` to take a path back, the last matching line decides. A pattern that matches a directory covers
 * everything below it. Leading and trailing slashes mean nothing, unlike in .gitignore.
 */
export type PathFilter = (relativePath: string) => boolean;

type Line = { readonly matches: RegExp; readonly takesBack: boolean };

/** true for a path (relative, `/`-separated) that the patterns leave out. Lines that are no pattern (empty, `#`) are skipped. */
export function compileIgnore(patterns: readonly string[]): PathFilter {
  const lines = patterns.map(compileLine).filter((line) => line !== undefined);
  return (path) => {
    let ignored = false;
    for (const line of lines) if (ignored === line.takesBack && line.matches.test(path)) ignored = !line.takesBack;
    return ignored;
  };
}

/**
 * Whether nothing below an ignored directory can be taken back by a later `!` line, so that the directory needs no watch
 * at all. Cautious: any `!` line keeps every directory alive.
 */
export function canPrune(patterns: readonly string[]): boolean {
  return !patterns.some((pattern) => pattern.trim().startsWith('!'));
}

function compileLine(text: string): Line | undefined {
  let pattern = text.trim();
  if (pattern === '' || pattern.startsWith('#')) return undefined;
  const takesBack = pattern.startsWith('!');
  if (takesBack) pattern = pattern.slice(1).trim();
  pattern = normalise(pattern);
  if (pattern === '') return undefined;
  return { matches: new RegExp(`^${translate(pattern)}(?:/.*)?$`, 'su'), takesBack };
}

/** `./a//b/` and `/a/b` are `a/b`; `a/../b` is `b`. */
function normalise(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0) parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

function translate(pattern: string): string {
  let out = '';
  let at = 0;
  while (at < pattern.length) {
    const char = pattern.charAt(at);
    if (char === '*' && pattern.charAt(at + 1) === '*') {
      at += 2;
      // `a/**/b` also matches `a/b`: the slash belongs to the stars.
      if (pattern.charAt(at) === '/') {
        out += '(?:.*/)?';
        at += 1;
      } else out += '.*';
      continue;
    }
    if (char === '[') {
      const end = classEnd(pattern, at);
      if (end > 0) {
        out += characterClass(pattern.slice(at + 1, end));
        at = end + 1;
        continue;
      }
    }
    if (char === '\\' && at + 1 < pattern.length) {
      out += literal(pattern.charAt(at + 1));
      at += 2;
      continue;
    }
    out += char === '*' ? '[^/]*' : char === '?' ? '[^/]' : literal(char);
    at += 1;
  }
  return out;
}

/** Index of the `]` that ends the class beginning at `start`, or -1: then the bracket stands for itself. */
function classEnd(pattern: string, start: number): number {
  for (let at = start + 1; at < pattern.length; at++) {
    if (pattern.charAt(at) === '\\') at += 1;
    else if (pattern.charAt(at) === ']' && at > start + 1) return at;
  }
  return -1;
}

function characterClass(content: string): string {
  const negated = content.startsWith('^') || content.startsWith('!');
  const body = (negated ? content.slice(1) : content).replaceAll(/[[\]^]/gu, '\\$&');
  return `(?!/)[${negated ? '^' : ''}${body}]`;
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&');
}
