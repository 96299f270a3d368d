/** What a word on the command line can be completed to; the completion engine knows how to list each. */
export type Completes = 'service' | 'container' | 'project' | 'file' | 'directory' | 'signal' | 'volume';

/**
 * One option of a command.
 * - `switch`: present or not; `--name=false` takes it back
 * - `text`: one value; the last one wins
 * - `list`: may be given several times
 * - `count`: a whole number from 0 on
 * - `seconds`: a whole number of seconds
 * - `tail`: a whole number or `all`
 * - `choice`: one of `choices`
 */
export type Flag = {
  readonly name: string;
  readonly short?: string;
  readonly kind: 'switch' | 'text' | 'list' | 'count' | 'seconds' | 'tail' | 'choice';
  /** What the help calls the value. */
  readonly value?: string;
  readonly choices?: readonly string[];
  /** Of a switch: on unless taken back. */
  readonly default?: true;
  readonly completes?: Completes;
  /** One line, no full stop. */
  readonly help: string;
};

export type FlagValue<F extends Flag> = F['kind'] extends 'switch'
  ? boolean
  : F['kind'] extends 'list'
    ? readonly string[]
    : F['kind'] extends 'count' | 'seconds'
      ? number | undefined
      : F['kind'] extends 'tail'
        ? number | 'all' | undefined
        : F['kind'] extends 'choice'
          ? (F extends { readonly choices: readonly (infer C)[] } ? C : string) | undefined
          : string | undefined;

/** The values of a list of flags, by name. */
export type FlagValues<L extends readonly Flag[]> = { readonly [F in L[number] as F['name']]: FlagValue<F> };

/** A positional argument. */
export type Argument = {
  readonly name: string;
  readonly help: string;
  readonly optional?: true;
  /** Takes all that follow. */
  readonly many?: true;
  /** From here on words belong to somebody else: flags in them are not ours. */
  readonly verbatim?: true;
  /** All that it can be. */
  readonly choices?: readonly string[];
  readonly completes?: Completes;
};

/** One command as the user sees it; parsing, `--help`, completion and the manual are all made from this. */
export type CommandSpec = {
  readonly name: string;
  readonly group: 'run' | 'look' | 'file' | 'tool';
  /** Not in the overview: no person has to know it. */
  readonly hidden?: true;
  /** One line, no full stop. */
  readonly summary: string;
  /** Further paragraphs of `--help`. */
  readonly details?: readonly string[];
  readonly arguments: readonly Argument[];
  readonly flags: readonly Flag[];
  /** Pairs of flags that contradict each other. */
  readonly conflicts?: readonly (readonly [string, string])[];
  readonly examples?: readonly (readonly [command: string, what: string])[];
  /** What `--json` prints on standard output: one document, one object a line, or nothing. */
  readonly json: 'document' | 'lines' | 'none';
  /** false: works from what is stored on the machine; the stack file is only asked for the project's name. */
  readonly needsFile: boolean;
};
