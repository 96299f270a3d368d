import type { CommandSpec, FlagValues } from './flag.ts';
import { changeCommands } from './table/change.ts';
import { fileCommands } from './table/file.ts';
import { globalFlags } from './table/global.ts';
import { insideCommands } from './table/inside.ts';
import { lookCommands } from './table/look.ts';
import { toolCommands } from './table/tool.ts';
import { upCommands } from './table/up.ts';

export { globalFlags };

/** Functions, because most commands need one row, and all are an eighth of the compiled code that a start would read. */
const groups = [upCommands, changeCommands, lookCommands, insideCommands, fileCommands, toolCommands] as const;

type Spec = ReturnType<(typeof groups)[number]>[number];

/** Every command there is, in the order of `--help`. */
export const commands = (): readonly Spec[] => groups.flatMap((rows): readonly Spec[] => rows());

export type CommandName = Spec['name'];
type SpecOf<N extends CommandName> = Extract<Spec, { readonly name: N }>;

/** What was given for the flags of a command. */
export type Flags<N extends CommandName> = FlagValues<SpecOf<N>['flags']>;
export type GlobalFlags = FlagValues<typeof globalFlags>;

/** A call of one command. */
export type InvocationOf<N extends CommandName> = {
  readonly command: N;
  readonly globals: GlobalFlags;
  readonly flags: Flags<N>;
  readonly args: readonly string[];
};

/** A command line that makes sense, as far as the table can tell; `help` has become something else by then. */
export type Invocation = { readonly [N in Exclude<CommandName, 'help'>]: InvocationOf<N> }[Exclude<
  CommandName,
  'help'
>];

/** The table's row for a command. */
export function specOf(name: string): CommandSpec | undefined {
  for (const rows of groups) {
    const found = rows().find((command: CommandSpec) => command.name === name);
    if (found !== undefined) return found;
  }
  return undefined;
}
