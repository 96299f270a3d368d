import { inheritedFlags } from './args.ts';
import type { Argument, Completes, Flag } from './flag.ts';
import { commands, globalFlags, specOf } from './table.ts';

/** What the last word of a line can become. */
export type Completion = {
  /** Fixed words with a line of help each; those that do not begin like the word are left out. */
  readonly words: readonly (readonly [word: string, help: string])[];
  /** Names that only the machine or the stack file knows, or files, which the shell lists itself. */
  readonly wants?: Completes;
  /** What stands before such a name in the same word: `--file=`. */
  readonly prefix: string;
  /** Global flags so far, by name: they say which project is meant. */
  readonly globals: ReadonlyMap<string, readonly string[]>;
};

type Place = {
  /** The flag whose value comes next. */
  flag?: Flag;
  command?: string;
  /** How many arguments the command has got. */
  count: number;
  /** `--` was there: what follows is no flag. */
  ended: boolean;
  /** From here on words belong to somebody else. */
  foreign: boolean;
  readonly globals: Map<string, string[]>;
};

/** `line` is what follows the name of the program; its last word is the one that is completed, and may be empty. */
export function complete(line: readonly string[]): Completion {
  const place: Place = { count: 0, ended: false, foreign: false, globals: new Map() };
  for (const word of line.slice(0, -1)) step(place, word);
  const last = line.at(-1) ?? '';
  const { globals } = place;
  const nothing = { words: [], prefix: '', globals };
  if (place.foreign) return { ...nothing, wants: 'file' };
  if (place.flag !== undefined) return { ...nothing, ...valueWords(place.flag, last) };
  const inline = /^(--[^=]+)=(.*)$/.exec(last);
  if (inline !== null && !place.ended) {
    const flag = flagsAt(place).find(({ name }) => `--${name}` === inline[1]);
    const value = flag === undefined ? { words: [] } : valueWords(flag, inline[2] ?? '');
    const prefix = `${inline[1]}=`;
    return { ...nothing, ...value, words: value.words.map(([word, help]) => [`${prefix}${word}`, help]), prefix };
  }
  if (last.startsWith('-') && !place.ended) {
    const words = flagsAt(place).map(({ name, help }) => [`--${name}`, help] as const);
    return { ...nothing, words: beginning(words, last) };
  }
  if (place.command === undefined) return { ...nothing, words: beginning(commandWords(), last) };
  return { ...nothing, ...argumentAt(place, last) };
}

function step(place: Place, word: string): void {
  if (place.foreign) return;
  if (place.flag !== undefined) {
    note(place, place.flag, word);
    delete place.flag;
  } else if (!place.ended && word === '--') place.ended = true;
  else if (!place.ended && word.startsWith('--')) longFlag(place, word);
  else if (!place.ended && /^-./.test(word)) shortFlags(place, word);
  else if (place.command === undefined) place.command = word;
  else {
    place.foreign = argumentsOf(place)[place.count]?.verbatim === true;
    place.count++;
  }
}

function longFlag(place: Place, word: string): void {
  const [name, ...value] = word.slice(2).split('=');
  const flag = flagsAt(place).find((known) => known.name === name);
  if (flag === undefined || flag.kind === 'switch') return;
  if (value.length > 0) note(place, flag, value.join('='));
  else place.flag = flag;
}

/** `-dt5`: letters up to the first that takes a value, which is the rest or the next word. */
function shortFlags(place: Place, word: string): void {
  for (let at = 1; at < word.length; at++) {
    const flag = flagsAt(place).find(({ short }) => short === word[at]);
    if (flag === undefined || flag.kind === 'switch') continue;
    if (at + 1 < word.length) note(place, flag, word.slice(at + 1));
    else place.flag = flag;
    return;
  }
}

function note({ globals }: Place, { name }: Flag, value: string): void {
  if (globalFlags.some((flag) => flag.name === name)) globals.set(name, [...(globals.get(name) ?? []), value]);
}

function flagsAt({ command }: Place): readonly Flag[] {
  const spec = command === undefined ? undefined : specOf(command);
  return spec === undefined ? globalFlags : [...spec.flags, ...inheritedFlags(spec)];
}

const argumentsOf = ({ command = '' }: Place): readonly Argument[] => specOf(command)?.arguments ?? [];

function argumentAt(place: Place, last: string): Pick<Completion, 'words' | 'wants'> {
  const all = argumentsOf(place);
  const argument = all[place.count] ?? (all.at(-1)?.many ? all.at(-1) : undefined);
  if (place.command === 'help') return { words: place.count === 0 ? beginning(commandWords(), last) : [] };
  if (argument?.choices !== undefined)
    return {
      words: beginning(
        argument.choices.map((each) => [each, '']),
        last,
      ),
    };
  if (argument?.verbatim) return { words: [], wants: 'file' };
  return { words: [], ...(argument?.completes !== undefined && { wants: argument.completes }) };
}

function valueWords({ choices, completes }: Flag, last: string): Pick<Completion, 'words' | 'wants'> {
  if (choices !== undefined)
    return {
      words: beginning(
        choices.map((choice) => [choice, '']),
        last,
      ),
    };
  return { words: [], ...(completes !== undefined && { wants: completes }) };
}

const commandWords = (): readonly (readonly [string, string])[] =>
  commands()
    .filter((command) => !('hidden' in command && command.hidden))
    .map(({ name, summary }) => [name, summary] as const);

const beginning = (
  words: readonly (readonly [string, string])[],
  last: string,
): readonly (readonly [string, string])[] => words.filter(([word]) => word.startsWith(last));
