import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LoadRequest } from '../../project/request.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { loadProject, loadStack } from '../stack.ts';
import type { Flags } from '../table.ts';
import type { Runner } from './runner.ts';

export const config: Runner<'config'> = async ({ flags, args, globals }, context) => {
  const json = globals.json || flags.format === 'json';
  if (flags.hash !== undefined) return printHashes(context, flags, json);
  const stack = await loadStack(context, { ...lenience(flags), services: args }, { notices: !isView(flags) });
  if (!stack.ok) return stack.error;
  const { services, disabled } = stack.value;
  const named = knownServices(context, args, { project: { services, disabledServices: disabled } });
  if (!named.ok) return named.error;
  if (flags.quiet) return exitCode.ok;
  const { printed } = await import('../config/print.ts');
  const { stdout, paint } = context;
  const toTerminal = stdout.isTty && flags.output === undefined;
  const text = printed(stack.value, {
    flags,
    services: args,
    json,
    paint: flags.output === undefined ? paint : (_style, plain) => plain,
    width: toTerminal ? stdout.columns() : Number.POSITIVE_INFINITY,
  });
  if (text !== undefined) return write(context, text, flags.output);
  const hint = 'paths are written as in services.web.environment.PORT, items of lists as in services.web.ports.0';
  sayError(context, { code: 'no-such-value', message: `the stack has no "${flags.explain}"`, hint });
  return exitCode.failed;
};

/** Who asks for a detail wants no remarks on the whole. */
const isView = (flags: Flags<'config'>): boolean =>
  flags.explain !== undefined ||
  (['services', 'volumes', 'networks', 'profiles', 'images', 'variables', 'environment', 'support'] as const).some(
    (view) => flags[view],
  );

/** Variables are listed as they are written, whether they have a value or not; support is that of all profiles. */
function lenience(flags: Flags<'config'>): Partial<LoadRequest> {
  return {
    runnable: false,
    interpolate: !flags['no-interpolate'] && !flags.variables,
    normalize: !flags['no-normalize'],
    resolvePaths: !flags['no-path-resolution'],
    resolveEnvironment: !flags['no-env-resolution'] && !flags.variables,
    checkConsistency: !flags['no-consistency'] && !flags.variables,
    ...(flags.support && { profiles: ['*'] }),
  };
}

/** Two equal ones are the same container: `up` recreates it when this changes, and only then. */
async function printHashes(context: Context, flags: Flags<'config'>, json: boolean): Promise<number> {
  const project = await loadProject(context);
  if (!project.ok) return project.error;
  const all = flags.hash === '*';
  const names = all ? [] : (flags.hash ?? '').split(',').filter((name) => name !== '');
  const named = knownServices(context, names, { project: project.value });
  if (!named.ok) return named.error;
  const { containerHash } = await import('../config/hash.ts');
  const hashes = project.value.services
    .filter(({ name }) => all || named.value.includes(name))
    .map((service) => [service.name, containerHash(service.config)] as const);
  const text = json
    ? `${JSON.stringify(Object.fromEntries(hashes), null, 2)}\n`
    : hashes.map(([name, hash]) => `${name} ${hash}\n`).join('');
  return write(context, text, flags.output);
}

function write(context: Context, text: string, file: string | undefined): number {
  if (file === undefined) {
    context.stdout.write(text);
    return exitCode.ok;
  }
  try {
    writeFileSync(resolve(context.cwd, file), text);
    return exitCode.ok;
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    const hint = 'the path after -o has to be a file that may be written';
    sayError(context, { code: 'output', message: `cannot write ${file}: ${code}`, hint });
    return exitCode.failed;
  }
}
