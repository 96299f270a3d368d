import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import { closest } from '../util/text.ts';
import type { Flag } from './flag.ts';

export type Value = boolean | string | number | readonly string[];

/** A stretch of the command line, taken apart. */
export type FlagReading = {
  /** Only flags that were given. */
  readonly values: ReadonlyMap<string, Value>;
  readonly positionals: readonly string[];
  /** Words after the last positional that was asked for, untouched. */
  readonly rest: readonly string[];
};

type FlagProblem = { readonly message: string; readonly hint?: string; readonly unknown?: string };
/** A flag as it was written; `flag` is absent when there is none of that name. */
type OptionToken = {
  readonly kind: 'option';
  readonly flag: Flag | undefined;
  /** With its dashes. */
  readonly rawName: string;
  /** What stands behind `=`, behind a short letter, or in the next word; a switch takes only the first of these. */
  readonly value: string | undefined;
  readonly inline: boolean;
};
type Token = OptionToken | { readonly kind: 'positional'; readonly value: string; readonly index: number };

/** Reads flags up to and including the given number of positionals; what follows is left alone. */
export function readFlags(
  words: readonly string[],
  flags: readonly Flag[],
  options: { readonly positionals: number },
): Result<FlagReading, FlagProblem> {
  const values = new Map<string, Value>();
  const positionals: string[] = [];
  for (const token of tokenize(words, flags)) {
    if (token.kind === 'positional') {
      positionals.push(token.value);
      if (positionals.length < options.positionals) continue;
      return ok({ values, positionals, rest: words.slice(token.index + 1) });
    }
    const { flag } = token;
    if (flag === undefined) return err(unknownFlag(token, flags));
    const value = readValue(token, flag);
    if (!value.ok) return value;
    const before = values.get(flag.name);
    values.set(flag.name, Array.isArray(before) ? [...before, ...(value.value as readonly string[])] : value.value);
  }
  return ok({ values, positionals, rest: [] });
}

/**
 * The conventions of getopt_long(3): `--name value`, `--name=value`, `-n value`, `-nvalue`, switches together as in `-it`,
 * and all that follows `--` is no flag. As Node's parseArgs does it, which takes a millisecond to load: as long as it takes
 * to look at five containers.
 */
function* tokenize(words: readonly string[], flags: readonly Flag[]): Generator<Token> {
  let onlyWords = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] as string;
    if (word === '--' && !onlyWords) onlyWords = true;
    else if (onlyWords || word === '-' || !word.startsWith('-')) yield { kind: 'positional', value: word, index };
    else {
      const option = word.startsWith('--') ? [longOption(word, flags)] : shortOptions(word, flags);
      const last = option.at(-1) as OptionToken;
      yield* option.slice(0, -1);
      const wantsWord = last.value === undefined && last.flag !== undefined && last.flag.kind !== 'switch';
      yield wantsWord ? { ...last, value: words[++index] } : last;
    }
  }
}

function longOption(word: string, flags: readonly Flag[]): OptionToken {
  const equals = word.indexOf('=');
  const rawName = equals === -1 ? word : word.slice(0, equals);
  const flag = flags.find(({ name }) => name === rawName.slice(2));
  const value = equals === -1 ? undefined : word.slice(equals + 1);
  return { kind: 'option', flag, rawName, value, inline: equals !== -1 };
}

/** Switches up to the first letter that takes a value: the rest of the word, unless nothing is left. */
function shortOptions(word: string, flags: readonly Flag[]): readonly OptionToken[] {
  const options: OptionToken[] = [];
  for (let at = 1; at < word.length; at++) {
    const flag = flags.find(({ short }) => short === word[at]);
    const rest = word.slice(at + 1);
    const takesRest = flag !== undefined && flag.kind !== 'switch' && rest !== '';
    options.push({
      kind: 'option',
      flag,
      rawName: `-${word[at]}`,
      value: takesRest ? rest : undefined,
      inline: takesRest,
    });
    if (takesRest) break;
  }
  return options;
}

function unknownFlag(token: OptionToken, flags: readonly Flag[]): FlagProblem {
  const message = `unknown flag ${token.rawName}`;
  const meant = token.rawName.startsWith('--')
    ? closest(
        token.rawName.slice(2),
        flags.map((flag) => flag.name),
      )
    : undefined;
  return { message, unknown: token.rawName, ...(meant !== undefined && { hint: `did you mean --${meant}?` }) };
}

function readValue(token: OptionToken, flag: Flag): Result<Value, FlagProblem> {
  const given = token.value;
  if (flag.kind === 'switch') {
    if (given === undefined || given === 'true') return ok(true);
    return given === 'false' ? ok(false) : err({ message: `${token.rawName} takes no value` });
  }
  // A word that looks like a flag is more likely the next flag than a value; `--name=-x` says otherwise.
  if (given === undefined || (!token.inline && /^-./.test(given))) {
    return err({ message: `${token.rawName} needs a value: ${flag.value ?? flag.name}` });
  }
  switch (flag.kind) {
    case 'text':
      return ok(given);
    case 'list':
      return ok([given]);
    case 'choice':
      return readChoice(token, flag, given);
    case 'tail':
      return given === 'all' ? ok(given) : readNumber(token, given, 'a whole number or "all"');
    case 'count':
      return readNumber(token, given, 'a whole number');
    case 'seconds':
      return readNumber(token, given, 'a whole number of seconds');
  }
}

function readChoice(token: OptionToken, flag: Flag, given: string): Result<Value, FlagProblem> {
  const choices = flag.choices ?? [];
  if (choices.includes(given)) return ok(given);
  const message = `${token.rawName} cannot be "${given}"`;
  return err({ message, hint: `it is one of ${choices.join(', ')}` });
}

function readNumber(token: OptionToken, given: string, wanted: string): Result<Value, FlagProblem> {
  const value = /^\d{1,9}$/.test(given) ? Number(given) : undefined;
  return value === undefined ? err({ message: `${token.rawName} needs ${wanted}, not "${given}"` }) : ok(value);
}
