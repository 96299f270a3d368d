import { exitCode } from '../exit-code.ts';
import { loadStack } from '../stack.ts';
import type { Runner } from './runner.ts';

export const config: Runner<'config'> = async ({ flags, args, globals }, context) => {
  const stack = await loadStack(context, args);
  if (!stack.ok) return stack.error;
  if (flags.quiet) return exitCode.ok;
  const { configJson, configYaml } = await import('../../project/config-out.ts');
  const json = globals.json || flags.format === 'json';
  context.stdout.write(json ? configJson(stack.value, args) : configYaml(stack.value, args));
  return exitCode.ok;
};
