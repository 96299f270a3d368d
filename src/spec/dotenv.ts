import type { Origin, SourceFile } from '../model/source.ts';
import type { Report } from './report.ts';
import { fillTemplate, parseTemplate } from './template.ts';

/** What an env file says, in order; a later line wins over an earlier one. */
export type EnvEntries = ReadonlyMap<string, { readonly value: string; readonly origin: Origin }>;

export type EnvOptions = {
  /** Asked for `$NAME` before the earlier lines of the file, and for a key without a value. */
  readonly lookup: (name: string) => string | undefined;
  /** What earlier env files said: asked after `lookup` and after this file's own lines. */
  readonly earlier?: (name: string) => string | undefined;
  /** `raw`: no quotes, no variables, no comments after a value. */
  readonly format?: 'raw' | undefined;
  /** Interpolation can be off (`config --no-interpolate`); values then keep their dollar signs. */
  readonly interpolate?: boolean;
};

/** Parses an env file; a line that cannot be understood is reported and skipped. */
export function parseEnv(file: SourceFile, options: EnvOptions, report: Report): EnvEntries {
  const entries = new Map<string, { value: string; origin: Origin }>();
  const cursor: Cursor = { text: file.text, at: 0 };
  while (skipBlank(cursor)) {
    const line = options.format === 'raw' ? rawLine(cursor) : statement(cursor);
    if (line.kind === 'wrong') {
      report.error('env-file', { summary: line.message, at: origin(file, line), notes: line.notes ?? [] });
      skipLine(cursor);
      continue;
    }
    if (line.kind === 'bare') {
      const value = options.lookup(line.key);
      if (value !== undefined) entries.set(line.key, { value, origin: origin(file, line) });
      continue;
    }
    const value = expand(file, line, entries, options, report);
    // Deleted first, so that the last line also decides the order.
    entries.delete(line.key);
    if (value !== undefined) entries.set(line.key, { value, origin: origin(file, line) });
  }
  return entries;
}

type Cursor = { readonly text: string; at: number };

type Line =
  | { readonly kind: 'bare'; readonly key: string; readonly start: number; readonly end: number }
  | {
      readonly kind: 'pair';
      readonly key: string;
      readonly value: string;
      /** Whether `$` means something in `value`. */
      readonly template: boolean;
      readonly start: number;
      readonly end: number;
    }
  | {
      readonly kind: 'wrong';
      readonly message: string;
      readonly notes?: readonly string[];
      readonly start: number;
      readonly end: number;
    };

const origin = (file: SourceFile, span: { start: number; end: number }): Origin => ({
  file,
  range: { start: span.start, end: span.end },
});

function expand(
  file: SourceFile,
  line: Extract<Line, { kind: 'pair' }>,
  entries: EnvEntries,
  options: EnvOptions,
  report: Report,
): string | undefined {
  if (!line.template || options.interpolate === false || !line.value.includes('$')) return line.value;
  const parts = parseTemplate(line.value);
  const get = (name: string): string | undefined =>
    options.lookup(name) ?? entries.get(name)?.value ?? options.earlier?.(name);
  const filled = parts.ok ? fillTemplate(parts.value, { get, used: () => undefined }) : parts;
  if (filled.ok) return filled.value;
  report.error(parts.ok ? 'required-variable' : 'bad-interpolation', {
    summary: filled.error.message,
    at: origin(file, line),
    notes: ['variables are written $NAME, ${NAME} or ${NAME:-default}; single quotes keep a $ as it is'],
  });
  return undefined;
}

/** Moves to the next statement; false at the end of the text. */
function skipBlank(cursor: Cursor): boolean {
  for (;;) {
    const rest = /[^\s\u{85}\u{a0}]/u.exec(cursor.text.slice(cursor.at, cursor.at + 4096));
    if (rest === null) {
      if (cursor.at + 4096 >= cursor.text.length) return false;
      cursor.at += 4096;
      continue;
    }
    cursor.at += rest.index;
    if (cursor.text[cursor.at] !== '#') return true;
    skipLine(cursor);
  }
}

function lineEnd(cursor: Cursor, from: number): number {
  const end = cursor.text.indexOf('\n', from);
  return end === -1 ? cursor.text.length : end;
}

function skipLine(cursor: Cursor): void {
  cursor.at = lineEnd(cursor, cursor.at);
}

function rawLine(cursor: Cursor): Line {
  const start = cursor.at;
  const end = lineEnd(cursor, start);
  const line = cursor.text.slice(start, end).replace(/\r$/, '');
  cursor.at = end;
  const equals = line.indexOf('=');
  const key = equals === -1 ? line.trim() : line.slice(0, equals);
  const span = { start, end: start + line.length };
  if (key === '') return { kind: 'wrong', message: 'a variable name is missing before "="', ...span };
  if (/\s/.test(key)) return { kind: 'wrong', message: `variable name "${key}" has a blank in it`, ...span };
  if (equals === -1) return { kind: 'bare', key, ...span };
  return { kind: 'pair', key, value: line.slice(equals + 1), template: false, ...span };
}

const keyCharacter = /[\p{L}\p{N}_.\-[\]]/u;

function statement(cursor: Cursor): Line {
  const start = cursor.at;
  const end = lineEnd(cursor, start);
  const line = cursor.text.slice(start, end).replace(/\r$/, '');
  const exported = /^export[ \t]+(?=[^=:\s])/.exec(line)?.[0].length ?? 0;
  const separator = line.slice(exported).search(/[=:]/);
  const key = (separator === -1 ? line.slice(exported) : line.slice(exported, exported + separator)).trim();
  const span = { start, end: start + line.trimEnd().length };
  const wrong = wrongKey(key);
  if (wrong !== undefined) return { kind: 'wrong', ...wrong, ...span };
  if (separator === -1) {
    cursor.at = end;
    return { kind: 'bare', key, ...span };
  }
  let at = start + exported + separator + 1;
  while (at < end && /[ \t]/.test(cursor.text[at] as string)) at += 1;
  const quote = cursor.text[at];
  if (quote === '"' || quote === "'") return quoted(cursor, { key, start, at, quote });
  cursor.at = end;
  const value = cursor.text
    .slice(at, end)
    .replace(/(^|\s)#.*$/s, '')
    .trim();
  return { kind: 'pair', key, value, template: true, ...span };
}

function wrongKey(key: string): { message: string; notes?: readonly string[] } | undefined {
  if (key === '') return { message: 'a variable name is missing', notes: ['write NAME=value'] };
  for (const c of key) {
    if (keyCharacter.test(c)) continue;
    if (/\s/.test(c)) return { message: `variable name "${key}" has a blank in it`, notes: ['write NAME=value'] };
    return { message: `"${c}" cannot be in a variable name`, notes: ['write NAME=value, with # before comments'] };
  }
  return undefined;
}

type Quoted = { readonly key: string; readonly start: number; readonly at: number; readonly quote: '"' | "'" };

function quoted(cursor: Cursor, from: Quoted): Line {
  const { text } = cursor;
  let raw = '';
  for (let i = from.at + 1; i < text.length; i += 1) {
    const c = text[i] as string;
    if (c === '\\' && i + 1 < text.length) {
      raw += c + (text[i + 1] as string);
      i += 1;
      continue;
    }
    if (c !== from.quote) {
      raw += c;
      continue;
    }
    cursor.at = lineEnd(cursor, i);
    const value = from.quote === '"' ? unescapeText(raw) : raw.replaceAll("\\'", "'");
    const normal = value.replaceAll('\r\n', '\n');
    return { kind: 'pair', key: from.key, value: normal, template: from.quote === '"', start: from.start, end: i + 1 };
  }
  return {
    kind: 'wrong',
    message: `the closing ${from.quote} of the value of ${from.key} is missing`,
    start: from.at,
    end: lineEnd(cursor, from.at),
  };
}

const escapes: { readonly [letter: string]: string } = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  // Still a template after this: a doubled dollar is the literal one.
  $: '$$',
};

function unescapeText(raw: string): string {
  return raw.replace(/\\(0\d{0,3}|[\s\S])/g, (whole, sequence: string) => {
    if (sequence.startsWith('0')) return String.fromCharCode(Number.parseInt(sequence, 8) & 0xff);
    return escapes[sequence] ?? whole;
  });
}
