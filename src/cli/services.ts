import type { Project } from '../model/project.ts';
import type { ObservedState } from '../model/state.ts';
import type { ServiceName } from '../model/units.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import { closest } from '../util/text.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { sayError } from './say.ts';

type Known = Pick<Project, 'disabledServices'> & { readonly services: readonly { readonly name: ServiceName }[] };

/** The services named on the command line, each known to the file or to the machine; the error is an exit code. */
export function knownServices(
  context: Context,
  names: readonly string[],
  { project, observed }: { readonly project?: Known | undefined; readonly observed?: ObservedState },
): Result<readonly ServiceName[], number> {
  const known = new Set<string>([
    ...(project?.services.map(({ name }) => name) ?? []),
    ...(project?.disabledServices ?? []),
    ...(observed?.containers.map(({ service }) => service) ?? []),
  ]);
  const unknown = names.filter((name) => !known.has(name));
  for (const name of unknown) {
    const meant = closest(name, known);
    const list = known.size === 0 ? 'there are none' : `there is ${[...known].sort().join(', ')}`;
    const hint = meant === undefined ? list : `did you mean "${meant}"?`;
    sayError(context, { code: 'no-such-service', message: `no service is called "${name}"`, hint });
  }
  return unknown.length > 0 ? err(exitCode.failed) : ok([...new Set(names)] as ServiceName[]);
}
