import type { Project } from '../model/project.ts';
import type { ServiceName } from '../model/units.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { sayError } from './say.ts';
import type { Flags } from './table.ts';

type AttachFlags = Pick<Flags<'up'>, 'attach' | 'attach-dependencies' | 'no-attach'>;

/**
 * Whose output an attached `up` shows: by default that of the named services, or of all that do not say `attach: false`;
 * dependencies of named ones only when asked for.
 */
export function shownServices(
  project: Project,
  {
    named,
    run,
    flags,
  }: { readonly named: readonly ServiceName[]; readonly run: readonly ServiceName[]; readonly flags: AttachFlags },
): readonly ServiceName[] {
  const quiet = new Set<ServiceName>(project.services.filter(({ attach }) => !attach).map(({ name }) => name));
  const byDefault = named.length > 0 && !flags['attach-dependencies'] ? named : run.filter((name) => !quiet.has(name));
  const wanted = flags.attach.length > 0 ? (flags.attach as readonly ServiceName[]) : byDefault;
  return wanted.filter((name) => !flags['no-attach'].includes(name));
}

/** Services that a flag names must be among those of this run; the error is an exit code. */
export function partOfRun(
  context: Context,
  names: readonly string[],
  run: readonly ServiceName[],
): Result<void, number> {
  const stranger = names.find((name) => !run.some((service) => service === name));
  if (stranger === undefined) return ok(undefined);
  const message = `${stranger} is not one of the services of this command`;
  sayError(context, { code: 'no-such-service', message, hint: `there is ${run.join(', ')}` });
  return err(exitCode.failed);
}
