import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { stackFileNames } from '../project/lookup.ts';
import { normalName } from '../project/name.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { packageDirectory } from './package-files.ts';
import { sayError } from './say.ts';
import { starter } from './starter.ts';

/** Writes a stack file into `where`; an exit code. */
export function writeStarter(context: Context, where: string): number {
  const { cwd, stdout } = context;
  const directory = resolve(cwd, where);
  const shown = (name: string): string => relative(cwd, join(directory, name)) || name;
  const present = stackFileNames.find((name) => existsSync(join(directory, name)));
  if (present !== undefined) {
    sayError(context, {
      code: 'exists',
      message: `${shown(present)} is already there`,
      hint: 'name another directory, or take it away first: nothing is overwritten',
    });
    return exitCode.failed;
  }
  try {
    mkdirSync(directory, { recursive: true });
    const text = starter({ name: normalName(basename(directory)) || 'stack', schema: schemaFor(directory) });
    writeFileSync(join(directory, 'stack.yml'), text, { flag: 'wx' });
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const hint = 'it has to be a directory that may be written to';
    sayError(context, { code: 'output', message: `cannot write ${shown('stack.yml')}: ${code}`, hint });
    return exitCode.failed;
  }
  const into = directory === cwd ? '' : `cd ${word(relative(cwd, directory))} && `;
  stdout.write(`wrote ${shown('stack.yml')}\nnext: ${into}tscompose up\n`);
  return exitCode.ok;
}

/** What an editor finds: beside the file when the package is installed there, so that it holds on other machines too. */
function schemaFor(directory: string): string {
  const local = 'node_modules/tscompose/schema.json';
  return existsSync(join(directory, local)) ? `./${local}` : join(packageDirectory(), 'schema.json');
}

/** As a shell reads it. */
const word = (path: string): string => (/^[\w./-]+$/.test(path) ? path : JSON.stringify(path));
