import { completionScripts } from '../completion-scripts.ts';
import { exitCode } from '../exit-code.ts';
import { sayError } from '../say.ts';
import type { Runner } from './runner.ts';

export const completion: Runner<'completion'> = async ({ args }, context) => {
  const [shell = ''] = args;
  const script = Object.entries(completionScripts).find(([name]) => name === shell)?.[1];
  if (script === undefined) {
    const hint = `there is ${Object.keys(completionScripts).join(', ')}`;
    sayError(context, { code: 'usage', message: `cannot complete in the shell "${shell}"`, hint });
    return exitCode.usage;
  }
  context.stdout.write(script);
  return exitCode.ok;
};
