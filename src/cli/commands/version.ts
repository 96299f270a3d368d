import { exitCode } from '../exit-code.ts';
import { version } from '../version.ts';
import type { Runner } from './runner.ts';

export const versionCommand: Runner<'version'> = async ({ flags, globals }, { stdout }) => {
  if (globals.json || flags.format === 'json')
    stdout.write(`${JSON.stringify({ version, node: process.versions.node })}\n`);
  else stdout.write(flags.short ? `${version}\n` : `tscompose ${version}\n`);
  return exitCode.ok;
};
