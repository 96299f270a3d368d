import { err, ok, type Result } from '../util/result.ts';

/**
 * Compose's substitution grammar:
 *
 *     $NAME  ${NAME}                value, or nothing when unset
 *     ${NAME:-word} ${NAME-word}    word when unset or empty / when unset
 *     ${NAME:?word} ${NAME?word}    an error with that text when unset or empty / when unset
 *     ${NAME:+word} ${NAME+word}    word when set and not empty / when set, else nothing
 *     $$                            a dollar sign
 *
 * Words are templates themselves. A `$` before anything else is text.
 */
export type Part = { readonly kind: 'text'; readonly text: string } | Substitution;

export type Substitution = {
  readonly kind: 'substitution';
  readonly name: string;
  readonly operator?: '-' | '?' | '+';
  /** With a colon an empty value counts as unset. */
  readonly orEmpty: boolean;
  readonly word: readonly Part[];
  /** The word as it is written. */
  readonly wordText: string;
  /** Half-open span in the template. */
  readonly start: number;
  readonly end: number;
};

export type TemplateError = { readonly message: string; readonly start: number; readonly end: number };

const maxNesting = 100;

/** Splits a template; every `${` must be well formed, also inside words that are not used. */
export function parseTemplate(template: string): Result<readonly Part[], TemplateError> {
  const cursor = { at: 0 };
  return parseParts(template, cursor, 0);
}

type Cursor = { at: number };

function parseParts(template: string, cursor: Cursor, depth: number): Result<readonly Part[], TemplateError> {
  const parts: Part[] = [];
  let text = '';
  while (cursor.at < template.length) {
    const c = template[cursor.at] as string;
    if (depth > 0 && c === '}') break;
    if (c !== '$') {
      const next = nextSpecial(template, cursor.at, depth);
      text += template.slice(cursor.at, next);
      cursor.at = next;
      continue;
    }
    if (template[cursor.at + 1] === '$') {
      text += '$';
      cursor.at += 2;
      continue;
    }
    const substitution = parseSubstitution(template, cursor, depth);
    if (substitution === undefined) {
      text += '$';
      cursor.at += 1;
      continue;
    }
    if (!substitution.ok) return substitution;
    if (text !== '') parts.push({ kind: 'text', text });
    text = '';
    parts.push(substitution.value);
  }
  if (text !== '') parts.push({ kind: 'text', text });
  return ok(parts);
}

function nextSpecial(template: string, from: number, depth: number): number {
  const dollar = template.indexOf('$', from);
  const end = dollar === -1 ? template.length : dollar;
  if (depth === 0) return end;
  const brace = template.indexOf('}', from);
  return brace === -1 ? end : Math.min(end, brace);
}

const namePattern = /[_a-zA-Z][_a-zA-Z0-9]*/y;

function parseSubstitution(
  template: string,
  cursor: Cursor,
  depth: number,
): Result<Substitution, TemplateError> | undefined {
  const start = cursor.at;
  const braced = template[start + 1] === '{';
  const name = nameAt(template, start + (braced ? 2 : 1));
  if (!braced) {
    if (name === undefined) return undefined;
    cursor.at = start + 1 + name.length;
    return ok({ kind: 'substitution', name, orEmpty: false, word: [], wordText: '', start, end: cursor.at });
  }
  const wrong = (message: string): Result<Substitution, TemplateError> => {
    const close = template.indexOf('}', start);
    return err({ message, start, end: close === -1 ? template.length : close + 1 });
  };
  if (depth >= maxNesting) return wrong(`variables are nested more than ${maxNesting} deep`);
  if (name === undefined) return wrong('a variable name must follow "${"');
  cursor.at = start + 2 + name.length;
  const operator = operatorAt(template, cursor);
  if (operator === undefined && template[cursor.at] !== '}') {
    return wrong(
      cursor.at >= template.length
        ? 'the closing "}" is missing'
        : `"${template[cursor.at]}" cannot follow the variable name ${name}`,
    );
  }
  const wordStart = cursor.at;
  const word = operator === undefined ? ok([]) : parseParts(template, cursor, depth + 1);
  if (!word.ok) return word;
  if (template[cursor.at] !== '}') return wrong('the closing "}" is missing');
  const wordText = template.slice(wordStart, cursor.at);
  cursor.at += 1;
  return ok({
    kind: 'substitution',
    name,
    ...(operator === undefined ? {} : { operator: operator.operator }),
    orEmpty: operator?.orEmpty ?? false,
    word: word.value,
    wordText,
    start,
    end: cursor.at,
  });
}

function nameAt(template: string, at: number): string | undefined {
  namePattern.lastIndex = at;
  return namePattern.exec(template)?.[0];
}

function operatorAt(template: string, cursor: Cursor): { operator: '-' | '?' | '+'; orEmpty: boolean } | undefined {
  const orEmpty = template[cursor.at] === ':';
  const operator = template[cursor.at + (orEmpty ? 1 : 0)];
  if (operator !== '-' && operator !== '?' && operator !== '+') return undefined;
  cursor.at += orEmpty ? 2 : 1;
  return { operator, orEmpty };
}

/** What a substitution asks its surroundings. */
export type Lookup = {
  get(name: string): string | undefined;
  /** Called for every substitution that is really evaluated. */
  used(substitution: Substitution, how: 'value' | 'default' | 'alternate' | 'unset'): void;
};

/** Fills a template in, evaluating only the words that are needed. */
export function fillTemplate(parts: readonly Part[], lookup: Lookup): Result<string, TemplateError> {
  let text = '';
  for (const part of parts) {
    if (part.kind === 'text') {
      text += part.text;
      continue;
    }
    const value = substitute(part, lookup);
    if (!value.ok) return value;
    text += value.value;
  }
  return ok(text);
}

function substitute(part: Substitution, lookup: Lookup): Result<string, TemplateError> {
  const value = lookup.get(part.name);
  const present = value !== undefined && (value !== '' || !part.orEmpty);
  if (part.operator === '+') {
    lookup.used(part, present ? 'alternate' : 'unset');
    return present ? fillTemplate(part.word, lookup) : ok('');
  }
  if (present || part.operator === undefined) {
    lookup.used(part, value === undefined ? 'unset' : 'value');
    return ok(value ?? '');
  }
  if (part.operator === '-') {
    lookup.used(part, 'default');
    return fillTemplate(part.word, lookup);
  }
  const message = fillTemplate(part.word, lookup);
  if (!message.ok) return message;
  const state = value === undefined ? 'is not set' : 'is empty';
  const why = message.value === '' ? '' : `: ${message.value}`;
  return err({ message: `required variable ${part.name} ${state}${why}`, start: part.start, end: part.end });
}
