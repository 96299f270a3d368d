import { isatty } from 'node:tty';
import type { Context } from './context.ts';
import { isForPrograms } from './say.ts';

/** A question that only "y" or "yes" answers with yes. Where nobody can answer, nobody is asked: then it is a yes, too. */
export async function confirmed(context: Context, question: string): Promise<boolean> {
  if (!isatty(0) || isForPrograms(context)) return true;
  context.stderr.write(`${question} [y/N] `);
  for await (const line of process.stdin) return /^\s*y(es)?\s*$/i.test(String(line));
  return false;
}
