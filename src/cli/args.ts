import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import { closest } from '../util/text.ts';
import type { CommandSpec, Flag } from './flag.ts';
import { type FlagReading, readFlags, type Value } from './flags-read.ts';
import { commands, globalFlags, type Invocation, specOf } from './table.ts';

/** A command line that makes no sense. */
export type UsageError = {
  /** Lower case, no full stop. */
  readonly message: string;
  readonly hint?: string;
  /** The command or flag that nobody here knows, as it was written. */
  readonly unknown?: string;
  /** Whose `--help` tells more; absent: that of tscompose itself. */
  readonly command?: string;
};

export type Parsed =
  | { readonly kind: 'run'; readonly invocation: Invocation }
  /** `command` absent: the overview. */
  | { readonly kind: 'help'; readonly command?: CommandSpec }
  | { readonly kind: 'version' };

/** What followed `node script` on the command line → what to do. Knows nothing but the table. */
export function parseArguments(argv: readonly string[]): Result<Parsed, UsageError> {
  const head = readFlags(argv, globalFlags, { positionals: 1 });
  if (!head.ok) return head;
  const { values, positionals } = head.value;
  const name = positionals[0];
  if (values.get('version') === true) return ok({ kind: 'version' });
  if (name === undefined)
    return values.get('help') === true ? ok({ kind: 'help' }) : err({ message: 'no command given' });
  const spec = specOf(name);
  if (spec === undefined) return err(unknownCommand(name));
  if (values.get('help') === true) return ok({ kind: 'help', command: spec });
  return readCommand(spec, head.value);
}

function readCommand(spec: CommandSpec, head: FlagReading): Result<Parsed, UsageError> {
  const verbatimAt = spec.arguments.findIndex((argument) => argument.verbatim);
  const tail = readFlags(head.rest, [...spec.flags, ...inheritedFlags(spec)], {
    positionals: verbatimAt === -1 ? Number.POSITIVE_INFINITY : verbatimAt,
  });
  if (!tail.ok) return err({ ...tail.error, command: spec.name });
  const { values } = tail.value;
  if (values.get('help') === true) return ok({ kind: 'help', command: spec });
  if (values.get('version') === true) return ok({ kind: 'version' });

  const args = [...tail.value.positionals, ...withoutTerminator(tail.value.rest)];
  const problem = conflictProblem(spec, values) ?? countProblem(spec, args);
  if (problem !== undefined) return err({ message: problem, command: spec.name });
  if (spec.name === 'help') return readHelp(args[0]);
  // Each value was read by the `kind` that its type is derived from; that step is invisible to the compiler.
  const invocation = {
    command: spec.name,
    globals: valuesOf(globalFlags, head.values, values),
    flags: valuesOf(spec.flags, values),
    args,
  } as unknown as Invocation;
  return ok({ kind: 'run', invocation });
}

/** The global flags as this command sees them: its own names win (`logs -f` follows, `up -f` names a file). */
export function inheritedFlags(spec: CommandSpec): readonly Flag[] {
  const longs = new Set(spec.flags.map((flag) => flag.name));
  const shorts = new Set(spec.flags.map((flag) => flag.short));
  return globalFlags
    .filter((flag: Flag) => !longs.has(flag.name))
    .map((flag: Flag): Flag => {
      if (flag.short === undefined || !shorts.has(flag.short)) return flag;
      const { short: _taken, ...rest } = flag;
      return rest;
    });
}

function readHelp(name: string | undefined): Result<Parsed, UsageError> {
  if (name === undefined) return ok({ kind: 'help' });
  const command = specOf(name);
  return command === undefined ? err(unknownCommand(name)) : ok({ kind: 'help', command });
}

function unknownCommand(name: string): UsageError {
  const meant = closest(
    name,
    commands().map((command) => command.name),
  );
  const message = `unknown command "${name}"`;
  return { message, unknown: name, ...(meant !== undefined && { hint: `did you mean "${meant}"?` }) };
}

const withoutTerminator = (words: readonly string[]) => (words[0] === '--' ? words.slice(1) : words);

function countProblem(spec: CommandSpec, args: readonly string[]): string | undefined {
  const missing = spec.arguments.find((argument, at) => !argument.optional && at >= args.length);
  if (missing !== undefined) return `${spec.name} needs ${missing.name}: ${missing.help}`;
  const extra = args[spec.arguments.length];
  if (extra === undefined || spec.arguments.at(-1)?.many) return undefined;
  return `unexpected argument "${extra}"`;
}

function conflictProblem(spec: CommandSpec, values: ReadonlyMap<string, Value>): string | undefined {
  const isOn = (name: string): boolean => (values.get(name) ?? false) !== false;
  const pair = spec.conflicts?.find((names) => isOn(names[0]) && isOn(names[1]));
  return pair === undefined ? undefined : `--${pair[0]} and --${pair[1]} contradict each other`;
}

/** Later maps win; lists are joined; what was not given gets the empty value of its kind. */
function valuesOf(flags: readonly Flag[], ...given: readonly ReadonlyMap<string, Value>[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { name, kind, default: isOn } of flags) {
    let value: Value | undefined = kind === 'list' ? [] : kind === 'switch' ? isOn === true : undefined;
    for (const values of given) {
      const more = values.get(name);
      if (more !== undefined) value = kind === 'list' ? [...(value as string[]), ...(more as string[])] : more;
    }
    result[name] = value;
  }
  return result;
}
