import type { ObservedState } from '../../model/state.ts';
import type { ServiceName } from '../../model/units.ts';
import { scopeOf } from '../../plan/scope.ts';
import { type Changed, change } from '../change.ts';
import type { Context } from '../context.ts';
import { type Converging, prepare, type Wish, warnOfOrphans } from '../converging.ts';
import { type Deadline, deadlineIn } from '../deadline.ts';
import { exitCode } from '../exit-code.ts';
import { noteImages } from '../images.ts';
import { catchWhenAsked, type Interrupts } from '../interrupt.ts';
import { openRuntime } from '../runtime.ts';
import { sayIdle } from '../say.ts';
import { readScales } from '../scales.ts';
import { partOfRun, shownServices } from '../shown.ts';
import { loadProject, loadToStart } from '../stack.ts';
import { graceOf } from '../stored.ts';
import type { Flags } from '../table.ts';
import type { StackSource } from '../watch/stack-source.ts';
import type { Runner } from './runner.ts';

export const up: Runner<'up'> = async ({ flags, args }, context) => {
  const scales = readScales(context, flags.scale);
  if (!scales.ok) return scales.error;
  const load = flags['dry-run'] ? loadProject : loadToStart;
  const wish = { flags, names: args, scales: scales.value, load, ...(flags['no-start'] && { start: false as const }) };
  const source = flags.watch ? await sourceOf(context, wish) : undefined;
  const prepared = await (source === undefined ? prepare(context, wish) : source.read());
  if (!prepared.ok) return prepared.error;
  const run = servicesOfRun(prepared.value, flags);
  const fit = partOfRun(context, [...flags.attach, ...(flags['exit-code-from'] ? [flags['exit-code-from']] : [])], run);
  if (!fit.ok) return fit.error;
  noteImages(context, flags);
  if (flags['dry-run']) {
    const { printPlan } = await import('./plan.ts');
    await printPlan(context, prepared.value);
    return exitCode.ok;
  }

  const background = flags.detach || flags['no-start'] || flags.wait;
  const it: Run = {
    flags,
    names: args,
    stack: prepared.value,
    services: run,
    sinceMs: Date.now(),
    runtime: openRuntime(context),
    background,
    interrupts: catchWhenAsked(background ? 2 : 3),
    deadline: flags.wait ? deadlineIn(flags['wait-timeout']) : undefined,
  };
  return source === undefined ? bringUp(context, it) : bringUpAndWatch(context, it, source);
};

type Run = {
  readonly flags: Flags<'up'>;
  /** As on the command line. */
  readonly names: readonly string[];
  readonly stack: Converging;
  /** See `servicesOfRun`. */
  readonly services: readonly ServiceName[];
  readonly sinceMs: number;
  readonly runtime: ReturnType<typeof openRuntime>;
  /** It ends when all is done, instead of showing what the containers write. */
  readonly background: boolean;
  readonly interrupts: Interrupts;
  readonly deadline: Deadline | undefined;
};

async function bringUp(context: Context, it: Run): Promise<number> {
  const { stack, runtime, interrupts, deadline, background } = it;
  const { project, desired, plan } = stack;
  let changed = await change(context, runtime, {
    ...{ title: 'up', project: project.name, files: project.files, plan, desired, deadline },
    get signal() {
      return interrupts.first;
    },
  });
  warnOfOrphans(context, stack, changed.observed);
  if (changed.failed.length > 0) {
    const { rollBack } = await import('../rollback.ts');
    const alone = it.flags['no-deps'];
    changed = await rollBack(context, runtime, { desired, changed, alone, signal: interrupts.first });
  }
  if (background || (changed.exitCode !== exitCode.ok && !interrupts.first.aborted))
    return settle(context, it, changed);
  await sum(context, it, changed);
  context.ran('up+attach');
  await tellManager(context, it);
  return show(context, it);
}

async function bringUpAndWatch(context: Context, it: Run, source: StackSource): Promise<number> {
  const { upAndWatch } = await import('../watch/up.ts');
  return upAndWatch(context, {
    ...it,
    source,
    settle: (changed) => settle(context, it, changed),
    attach: async (changed) => {
      await sum(context, it, changed);
      return show(context, it);
    },
  });
}

/** What the containers write, until the user has had enough. */
async function show(context: Context, { flags, stack, services, ...it }: Run): Promise<number> {
  const { attach } = await import('../foreground.ts');
  return attach(context, {
    runtime: it.runtime,
    project: stack.project.name,
    services,
    shown: shownServices(stack.project, { named: stack.services, run: services, flags }),
    stopAll: stopAllOf(flags),
    exitCodeFrom: flags['exit-code-from'] as ServiceName | undefined,
    ...graceOf(flags.timeout),
    interrupts: it.interrupts,
    sinceMs: it.sinceMs,
    timestamps: flags.timestamps,
    prefix: !flags['no-log-prefix'],
    stay: flags.watch,
  });
}

/** What has come of it, for people. */
async function sum(context: Context, { services, sinceMs }: Run, changed: Changed): Promise<void> {
  const { exitCode: code, worked, observed } = changed;
  if (!worked) return;
  const { sayPart, saySummary } = await import('../summary.ts');
  if (code === exitCode.ok) saySummary(context, containersOf(observed, services), Date.now() - sinceMs);
  if (code === exitCode.failed) sayPart(context, containersOf(observed, services));
}

/** The end of an `up` in the background; with --wait when everything is ready. */
async function settle(context: Context, it: Run, changed: Changed): Promise<number> {
  const { flags, stack, services, runtime, interrupts, deadline } = it;
  const { project, desired } = stack;
  if (!changed.worked) sayIdle(context, `project ${project.name} is up to date`);
  if (!flags['no-start']) await sum(context, it, changed);
  if (!flags.wait || changed.exitCode !== exitCode.ok) return codeOf(changed.exitCode, interrupts);
  const containers = containersOf(changed.observed, services);
  const waited = { project: project.name, desired, containers, deadline, signal: interrupts.first };
  const { awaitReady } = await import('../await-ready.ts');
  return codeOf(await awaitReady(context, runtime, waited), interrupts);
}

/** systemd, when it has started us: that all runs, and later that it is being stopped. */
async function tellManager(context: Context, { services, interrupts }: Run): Promise<void> {
  const { openManager } = await import('../../runtime/linux/manager.ts');
  const manager = openManager(context.environment);
  const count = services.length;
  await manager.tell(`READY=1\nSTATUS=${count === 1 ? '1 service runs' : `${count} services run`}`);
  interrupts.first.addEventListener('abort', () => void manager.tell('STOPPING=1'), { once: true });
}

async function sourceOf(context: Context, wish: Wish) {
  const { lasting, stackSource } = await import('../watch/stack-source.ts');
  return stackSource(context, wish, lasting(wish));
}

const codeOf = (code: number, interrupts: Interrupts): number =>
  code === exitCode.interrupted ? interrupts.exitCode() : code;

const containersOf = ({ containers }: ObservedState, services: readonly ServiceName[]) =>
  containers.filter(({ service }) => services.includes(service));

/** What is started by this command, and stopped when it ends: the named services and what they need. */
function servicesOfRun({ desired, services }: Converging, flags: Flags<'up'>): readonly ServiceName[] {
  const { roles } = scopeOf(desired, { services, dependencies: flags['no-deps'] ? 'ignore' : 'follow' });
  return desired.services.filter((service) => ['named', 'dependency'].includes(roles.get(service) ?? ''));
}

function stopAllOf(flags: Flags<'up'>) {
  if (flags['abort-on-container-failure']) return 'when-one-fails';
  return flags['abort-on-container-exit'] || flags['exit-code-from'] !== undefined ? 'when-one-ends' : 'never';
}
