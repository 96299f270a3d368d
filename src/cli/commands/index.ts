import type { Context } from '../context.ts';
import type { CommandName, InvocationOf } from '../table.ts';
import { config } from './config.ts';
import { down } from './down.ts';
import { exec } from './exec.ts';
import { logs } from './logs.ts';
import { plan } from './plan.ts';
import { ps } from './ps.ts';
import { up } from './up.ts';
import { versionCommand } from './version.ts';

/** Carries a command out and says how it went; parses nothing and decides nothing. */
export type Runner<N extends CommandName> = (invocation: InvocationOf<N>, context: Context) => Promise<number>;

/** Every command of the table but `help`, which is answered without a context. */
export const runners: { readonly [N in Exclude<CommandName, 'help'>]: Runner<N> } = {
  config,
  down,
  exec,
  logs,
  plan,
  ps,
  up,
  version: versionCommand,
};
