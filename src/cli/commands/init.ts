import type { Runner } from './runner.ts';

export const init: Runner<'init'> = async ({ args }, context) => {
  const { writeStarter } = await import('../init.ts');
  return writeStarter(context, args[0] ?? '.');
};
