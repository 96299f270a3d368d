import { randomBytes } from 'node:crypto';
import type { Project, Service } from '../../model/project.ts';
import type { DesiredContainer, DesiredState, ObservedState, OneOff } from '../../model/state.ts';
import type { ContainerName } from '../../model/units.ts';
import { planOneOffEnd, planRun } from '../../plan/run.ts';
import { desiredState } from '../../project/desired.ts';
import { differences } from '../../project/fingerprint.ts';
import { execInContainer } from '../../runtime/linux/exec.ts';
import { recordOneOffEnd } from '../../runtime/linux/one-off.ts';
import type { Result } from '../../util/result.ts';
import { err, ok } from '../../util/result.ts';
import { change } from '../change.ts';
import { commandExit } from '../command-exit.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { noteImages } from '../images.ts';
import { catchInterrupts } from '../interrupt.ts';
import { isTerminal } from '../output.ts';
import { runOverlay } from '../run-overlay.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { loadToRun, loadWithOverlay } from '../stack.ts';
import type { Flags } from '../table.ts';
import type { Runner } from './runner.ts';

export const run: Runner<'run'> = async ({ flags, args }, context) => {
  noteImages(context, flags);
  const prepared = await prepareRun(context, flags, args);
  if (!prepared.ok) return prepared.error;
  const { project, desired, container, oneOff } = prepared.value;
  const isTaken = ({ containers, oneOffs = [] }: ObservedState) =>
    [...containers, ...oneOffs].some(({ name }) => name === container.name);
  const runtime = openRuntime(context);
  if (isTaken(await runtime.observe(project.name))) {
    const hint = `remove it with: tscompose down, or give another --name`;
    sayError(context, { code: 'name-taken', message: `a container is called ${container.name} already`, hint });
    return exitCode.failed;
  }
  const dependencies = flags['no-deps'] ? 'ignore' : 'follow';
  const interrupts = catchInterrupts(2);
  const made = await change(flags.quiet ? silenced(context) : context, runtime, {
    title: 'run',
    project: project.name,
    plan: (observed) => {
      const removeOrphans = flags['remove-orphans'];
      return planRun(desired, observed, { compare: differences, container, oneOff, dependencies, removeOrphans });
    },
    once: true,
    desired: { ...desired, containers: [...desired.containers, container] },
    signal: interrupts.first,
  });
  interrupts.release();
  if (made.exitCode !== exitCode.ok) {
    await finish(context, { project, container, remove: true });
    return made.exitCode === exitCode.interrupted ? interrupts.exitCode() : made.exitCode;
  }
  if (flags.detach) {
    context.stdout.write(`${container.name}\n`);
    return exitCode.ok;
  }
  return attend(context, prepared.value, { tty: !flags['no-tty'] && isTerminal(0) && isTerminal(1) });
};

type Prepared = {
  readonly project: Project;
  readonly desired: DesiredState;
  readonly container: DesiredContainer;
  readonly oneOff: OneOff;
};

async function prepareRun(
  context: Context,
  flags: Flags<'run'>,
  args: readonly string[],
): Promise<Result<Prepared, number>> {
  const [name = '', ...argv] = args;
  if (flags.name !== undefined && !/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(flags.name)) {
    const hint = 'letters, digits, _, . and - are allowed, the first is a letter or a digit';
    sayError(context, { code: 'usage', message: `"${flags.name}" cannot be the name of a container`, hint });
    return err(exitCode.usage);
  }
  const plain = await loadToRun(context, name);
  if (!plain.ok) return plain;
  const known = knownServices(context, [name], { project: plain.value });
  if (!known.ok) return known;
  const { cwd, environment } = context;
  const text = runOverlay({ service: name, argv, flags, cwd, environment });
  const loaded = await loadWithOverlay(context, plain.value, { name: '<command line>', text, services: [name] });
  if (!loaded.ok) return loaded;
  const project = loaded.value;
  const service = project.services.find((candidate) => candidate.name === name) as Service;
  const oneOff = { mode: flags.detach ? 'detached' : 'attached', remove: flags.rm } as const;
  return ok({ project, desired: desiredState(project), container: oneOffOf(project, service, { flags }), oneOff });
}

/** The service's container, but for what belongs to a long life: no restarts, health checks and hooks. */
function oneOffOf(
  project: Project,
  { name: service, config, dependsOn, origins }: Service,
  { flags }: { readonly flags: Flags<'run'> },
): DesiredContainer {
  const { healthcheck: _, ...rest } = config;
  const none = { preStart: [], postStart: [], preStop: [], postStop: [] };
  // Whoever looks up the service means its replicas, unless the command line says otherwise.
  const aliases = (own: readonly string[]): readonly string[] => (flags['use-aliases'] ? [...own, service] : []);
  const networks = config.networks.map((network) => ({ ...network, aliases: aliases(network.aliases) }));
  const terminal = flags.detach ? {} : { tty: false, stdinOpen: false };
  const name = flags.name ?? `${project.name}-${service}-run-${randomBytes(4).toString('hex')}`;
  return {
    name: name as ContainerName,
    service,
    number: 0,
    config: { ...rest, ...terminal, networks, restart: { condition: 'no' }, hooks: none },
    dependsOn,
    origins,
  };
}

/** Brings the command in, stays with it until it ends, and clears away what is left. */
async function attend(
  context: Context,
  { project, container, oneOff }: Prepared,
  { tty }: { readonly tty: boolean },
): Promise<number> {
  const startedAtMs = Date.now();
  const outcome = await execInContainer(project.name, container.name, {
    argv: container.config.argv,
    environment: {},
    tty,
    host: context.environment,
  });
  const code = commandExit(context, outcome);
  if (!oneOff.remove) {
    const ended = { exitCode: code, startedAtMs, finishedAtMs: Date.now() };
    recordOneOffEnd(project.name, container.name, { ended, host: context.environment });
  }
  await finish(context, { project, container, remove: oneOff.remove });
  return code;
}

type Finished = { readonly project: Project; readonly container: DesiredContainer; readonly remove: boolean };

async function finish(context: Context, { project, container, remove }: Finished): Promise<void> {
  const interrupts = catchInterrupts(2);
  await change(silenced(context), openRuntime(context), {
    title: 'run',
    project: project.name,
    plan: (observed) => planOneOffEnd(observed, { container: container.name, remove }),
    once: true,
    onFailure: 'continue',
    signal: interrupts.second,
  });
  interrupts.release();
}

const silenced = (context: Context): Context => ({
  ...context,
  globals: { ...context.globals, progress: 'quiet' },
});
