import type { Context } from '../context.ts';
import type { CommandName, InvocationOf } from '../table.ts';

/** Carries a command out and says how it went; parses nothing and decides nothing. The number is the exit code. */
export type Runner<N extends CommandName> = (invocation: InvocationOf<N>, context: Context) => Promise<number>;
