import { parseArgs } from 'node:util';
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

type FlagProblem = { readonly message: string; readonly hint?: string };
type Token = ReturnType<typeof tokenize>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/** Reads flags up to and including the given number of positionals; what follows is left alone. */
export function readFlags(
  words: readonly string[],
  flags: readonly Flag[],
  options: { readonly positionals: number },
): Result<FlagReading, FlagProblem> {
  const values = new Map<string, Value>();
  const positionals: string[] = [];
  for (const token of tokenize(words, flags)) {
    if (token.kind === 'option-terminator') continue;
    if (token.kind === 'positional') {
      positionals.push(token.value);
      if (positionals.length < options.positionals) continue;
      return ok({ values, positionals, rest: words.slice(token.index + 1) });
    }
    const flag = flags.find((known) => known.name === token.name);
    if (flag === undefined || !isSpelledOut(token, flag)) return err(unknownFlag(token, flags));
    const value = readValue(token, flag);
    if (!value.ok) return value;
    const before = values.get(flag.name);
    values.set(flag.name, Array.isArray(before) ? [...before, ...(value.value as readonly string[])] : value.value);
  }
  return ok({ values, positionals, rest: [] });
}

function tokenize(words: readonly string[], flags: readonly Flag[]) {
  const options = Object.fromEntries(
    flags.map((flag) => [
      flag.name,
      {
        type: flag.kind === 'switch' ? ('boolean' as const) : ('string' as const),
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  );
  return parseArgs({ args: [...words], options, strict: false, allowPositionals: true, tokens: true }).tokens;
}

/** parseArgs lets `-file` through as nothing special, but an unknown short letter could be equal to a long name of one letter. */
const isSpelledOut = (token: OptionToken, flag: Flag) =>
  token.rawName === `--${flag.name}` || token.rawName === `-${flag.short}`;

function unknownFlag(token: OptionToken, flags: readonly Flag[]): FlagProblem {
  const message = `unknown flag ${token.rawName}`;
  const meant = token.rawName.startsWith('--')
    ? closest(
        token.name,
        flags.map((flag) => flag.name),
      )
    : undefined;
  return meant === undefined ? { message } : { message, hint: `did you mean --${meant}?` };
}

function readValue(token: OptionToken, flag: Flag): Result<Value, FlagProblem> {
  const given = token.value;
  if (flag.kind === 'switch') {
    if (given === undefined || given === 'true') return ok(true);
    return given === 'false' ? ok(false) : err({ message: `${token.rawName} takes no value` });
  }
  // A word that looks like a flag is more likely the next flag than a value; `--name=-x` says otherwise.
  if (given === undefined || (!token.inlineValue && /^-./.test(given))) {
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
