import type { Project } from '../model/project.ts';
import type { DesiredState, ObservedState } from '../model/state.ts';
import type { ContainerName, ServiceName } from '../model/units.ts';
import type { ReconcileOptions } from '../plan/options.ts';
import { orphansOf, reconcile } from '../plan/reconcile.ts';
import { desiredState } from '../project/desired.ts';
import { differences } from '../project/fingerprint.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import { plural } from '../util/text.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { ignoresOrphans, removesOrphans } from './orphans.ts';
import { isForPrograms, sayError } from './say.ts';
import { knownServices } from './services.ts';
import { loadProject } from './stack.ts';
import { graceOf } from './stored.ts';
import type { Flags } from './table.ts';

/** What `up` and `plan` have in common: the stack, and how it is compared with the machine. */
export type Converging = {
  readonly project: Project;
  readonly desired: DesiredState;
  /** As named on the command line. */
  readonly services: readonly ServiceName[];
  readonly plan: (observed: ObservedState, settled: ReadonlySet<ContainerName>) => ReturnType<typeof reconcile>;
};

/** What the command line of `up`, or of one of its relatives, says. */
export type Wish = {
  readonly flags: ConvergeFlags;
  readonly names: readonly string[];
  /** false: containers are made and not started. */
  readonly start?: false;
  /** Instead of the number that the file says. */
  readonly scales?: ReadonlyMap<string, number>;
  /** Where the stack comes from; absent: `loadProject`. */
  readonly load?: typeof loadProject;
};

/** Not all relatives have all flags. */
type ConvergeFlags = Partial<
  Pick<
    Flags<'up'>,
    | 'no-deps'
    | 'force-recreate'
    | 'no-recreate'
    | 'remove-orphans'
    | 'timeout'
    | 'always-recreate-deps'
    | 'renew-anon-volumes'
  >
>;

/** Loads the stack and reads the flags; the error is an exit code, and has been explained. */
export async function prepare(
  context: Context,
  { flags, names, start, scales, load = loadProject }: Wish,
): Promise<Result<Converging, number>> {
  if (flags['remove-orphans'] && ignoresOrphans(context)) {
    const message = '--remove-orphans contradicts COMPOSE_IGNORE_ORPHANS in the environment';
    sayError(context, { code: 'usage', message, hint: 'leave one of them out' });
    return err(exitCode.usage);
  }
  const loaded = await load(context, names);
  if (!loaded.ok) return loaded;
  const project = loaded.value;
  const services = knownServices(context, names, { project });
  if (!services.ok) return services;
  const scaled = knownServices(context, [...(scales?.keys() ?? [])], { project });
  if (!scaled.ok) return scaled;
  const desired = desiredState(project, { ...(scales && { scale: scales as ReadonlyMap<ServiceName, number> }) });
  const options: ReconcileOptions = {
    compare: differences,
    services: services.value,
    dependencies: flags['no-deps'] ? 'ignore' : 'follow',
    recreate: flags['force-recreate'] ? 'always' : flags['no-recreate'] ? 'never' : 'changed',
    recreateDependencies: flags['always-recreate-deps'] ? 'always' : flags['no-recreate'] ? 'never' : 'changed',
    renewAnonymousVolumes: flags['renew-anon-volumes'],
    removeOrphans: removesOrphans(context, flags['remove-orphans']),
    start,
    ...graceOf(flags.timeout),
  };
  const plan: Converging['plan'] = (observed, settled) => reconcile(desired, observed, { ...options, settled });
  return ok({ project, desired, services: services.value, plan });
}

/** Containers that nobody asked for any more are named, once; removing them is the user's decision. */
export function warnOfOrphans(context: Context, { desired }: Converging, observed: ObservedState): void {
  const { stderr, paintError } = context;
  const orphans = orphansOf(desired, observed).map(({ name }) => name);
  if (orphans.length === 0 || ignoresOrphans(context)) return;
  const message = `${plural(orphans.length, 'container')} of services that are not in the file: ${orphans.join(', ')}`;
  const hint = 'remove them with --remove-orphans';
  if (isForPrograms(context))
    stderr.write(`${JSON.stringify({ severity: 'warning', code: 'orphans', message, hint })}\n`);
  else stderr.write(`${paintError('warning', 'warning')}: ${message}\n  = ${hint}\n`);
}
