import type { ObservedState } from '../../model/state.ts';
import type { ServiceName } from '../../model/units.ts';
import { scopeOf } from '../../plan/scope.ts';
import { type Changed, change } from '../change.ts';
import type { Context } from '../context.ts';
import { type Converging, prepare, type Wish, warnOfOrphans } from '../converging.ts';
import { deadlineIn } from '../deadline.ts';
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
import type { Runner } from './runner.ts';

export const up: Runner<'up'> = async ({ flags, args }, context) => {
  const scales = readScales(context, flags.scale);
  if (!scales.ok) return scales.error;
  const load = flags['dry-run'] ? loadProject : loadToStart;
  const wish = { flags, names: args, scales: scales.value, load, ...(flags['no-start'] && { start: false as const }) };
  const source = flags.watch ? await sourceOf(context, wish) : undefined;
  const prepared = await (source === undefined ? prepare(context, wish) : source.read());
  if (!prepared.ok) return prepared.error;
  const { project, desired, services, plan } = prepared.value;
  const run = servicesOfRun(prepared.value, flags);
  const fit = partOfRun(context, [...flags.attach, ...(flags['exit-code-from'] ? [flags['exit-code-from']] : [])], run);
  if (!fit.ok) return fit.error;
  noteImages(context, flags);
  if (flags['dry-run']) {
    const { printPlan } = await import('./plan.ts');
    await printPlan(context, prepared.value);
    return exitCode.ok;
  }

  const sinceMs = Date.now();
  const runtime = openRuntime(context);
  const background = flags.detach || flags['no-start'] || flags.wait;
  const interrupts = catchWhenAsked(background ? 2 : 3);
  const deadline = flags.wait ? deadlineIn(flags['wait-timeout']) : undefined;
  const show = async () => {
    const { attach } = await import('../foreground.ts');
    return attach(context, {
      runtime,
      project: project.name,
      services: run,
      shown: shownServices(project, { named: services, run, flags }),
      stopAll: stopAllOf(flags),
      exitCodeFrom: flags['exit-code-from'] as ServiceName | undefined,
      ...graceOf(flags.timeout),
      interrupts,
      sinceMs,
      timestamps: flags.timestamps,
      prefix: !flags['no-log-prefix'],
      stay: flags.watch,
    });
  };
  const sum = async ({ exitCode: code, worked, observed }: Changed) => {
    if (!worked) return;
    const { sayPart, saySummary } = await import('../summary.ts');
    if (code === exitCode.ok) saySummary(context, containersOf(observed, run), Date.now() - sinceMs);
    if (code === exitCode.failed) sayPart(context, containersOf(observed, run));
  };
  const settle = async (changed: Changed) => {
    if (!changed.worked) sayIdle(context, `project ${project.name} is up to date`);
    if (!flags['no-start']) await sum(changed);
    if (!flags.wait || changed.exitCode !== exitCode.ok) return codeOf(changed.exitCode, interrupts);
    const containers = containersOf(changed.observed, run);
    const waited = { project: project.name, desired, containers, deadline, signal: interrupts.first };
    const { awaitReady } = await import('../await-ready.ts');
    return codeOf(await awaitReady(context, runtime, waited), interrupts);
  };
  if (source !== undefined) {
    const { upAndWatch } = await import('../watch/up.ts');
    const stack = prepared.value;
    const common = { runtime, source, stack, names: args, background, interrupts, deadline };
    return upAndWatch(context, {
      ...common,
      settle,
      attach: async (done) => {
        await sum(done);
        return show();
      },
    });
  }
  const { files } = project;
  const work = {
    ...{ title: 'up', project: project.name, files, plan, desired, deadline },
    get signal() {
      return interrupts.first;
    },
  };
  const changed = await change(context, runtime, work);
  warnOfOrphans(context, prepared.value, changed.observed);
  if (changed.failed.length > 0) {
    const { rollBack } = await import('../rollback.ts');
    await rollBack(context, runtime, { desired, changed, signal: interrupts.first });
  }
  if (background || (changed.exitCode !== exitCode.ok && !interrupts.first.aborted)) {
    return settle(changed);
  }
  await sum(changed);
  context.ran('up+attach');
  const { openManager } = await import('../../runtime/linux/manager.ts');
  const manager = openManager(context.environment);
  await manager.tell(`READY=1\nSTATUS=${run.length === 1 ? '1 service runs' : `${run.length} services run`}`);
  interrupts.first.addEventListener('abort', () => void manager.tell('STOPPING=1'), { once: true });
  return show();
};

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
