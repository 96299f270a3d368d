import type { CommandSpec, FlagValues } from './flag.ts';
import { changeCommands } from './table/change.ts';
import { fileCommands } from './table/file.ts';
import { globalFlags } from './table/global.ts';
import { insideCommands } from './table/inside.ts';
import { lookCommands } from './table/look.ts';
import { toolCommands } from './table/tool.ts';

export { globalFlags };

/** Every command there is, in the order of `--help`. */
export const commands = [
  ...changeCommands,
  ...lookCommands,
  ...insideCommands,
  ...fileCommands,
  ...toolCommands,
] as const satisfies readonly CommandSpec[];

export type CommandName = (typeof commands)[number]['name'];
type SpecOf<N extends CommandName> = Extract<(typeof commands)[number], { readonly name: N }>;

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
  return commands.find((command) => command.name === name);
}
