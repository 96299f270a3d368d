import type { Diagnostic } from '../model/diagnostic.ts';
import type { ActionOf, Plan } from '../model/plan.ts';
import type { Project } from '../model/project.ts';
import type { DesiredContainer, ObservedState } from '../model/state.ts';
import type { HostPath, ServiceName } from '../model/units.ts';
import { waitsInVain } from '../plan/in-vain.ts';
import { type Scope, scopeOf } from '../plan/scope.ts';
import { desiredState } from '../project/desired.ts';
import { findVitalLacks } from '../runtime/linux/doctor/checks.ts';
import { readDoctorHost } from '../runtime/linux/doctor/host.ts';
import { loadNative } from '../runtime/linux/native.ts';
import { takenPorts } from '../runtime/linux/network/port-holder.ts';
import { hostPaths } from '../runtime/linux/paths.ts';
import { availableControllers, onlineCpus, preflight } from '../runtime/linux/preflight.ts';
import { prepareRootfs } from '../runtime/linux/rootfs/prepare.ts';
import { pathDirectories } from '../runtime/linux/rootfs/programs.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { report } from './report.ts';

/** What is wrong with this machine for the services of `sound`; without any, what is wrong for every container. */
export function machineMistakes(context: Context, sound: Project | undefined, services: readonly string[]) {
  const desired = sound && desiredState(sound);
  const { roles } = desired
    ? scopeOf(desired, { services: services as ServiceName[], dependencies: 'follow' })
    : noScope;
  const asked = ({ service }: DesiredContainer) => ['named', 'dependency'].includes(roles.get(service) ?? '');
  return examineFor(context, { project: sound?.name ?? '', containers: desired?.containers.filter(asked) ?? [] });
}

const noScope: Scope = { roles: new Map() };

/**
 * Looks whether the plan can be carried out, on this machine and at all, before anything is touched; all
 * that is wrong is printed at once. An exit code when it cannot.
 */
export async function checkMachine(context: Context, plan: Plan, observed: ObservedState): Promise<number | undefined> {
  const containers = plan.steps.flatMap(({ action }) => (action.kind === 'create' ? [looked(action)] : []));
  const inVain = waitsInVain(plan, observed);
  if (containers.length === 0 && inVain.length === 0) return undefined;
  const { project } = observed;
  const examined = containers.length === 0 ? [] : await examineFor(context, { project, containers });
  const diagnostics = [...inVain, ...examined];
  report(diagnostics, context);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return undefined;
  if (errors.some(({ code }) => code === 'not-root' || code === 'host-feature')) return exitCode.hostLacks;
  // As when it is found on the way: neither the file nor the host is to blame.
  return errors.every(({ code }) => code === 'port-taken' || code === 'dependency-failed')
    ? exitCode.failed
    : exitCode.invalidFile;
}

async function examineFor(
  { environment }: Context,
  { project, containers }: { readonly project: string; readonly containers: readonly DesiredContainer[] },
): Promise<readonly Diagnostic[]> {
  const machine = readDoctorHost(environment);
  const hostPath = environment['PATH'] ?? '';
  const store = hostPaths(environment).store as HostPath;
  const publishes = containers.some(({ config }) => config.ports.length > 0);
  return preflight(containers, {
    host: {
      uid: machine.uid,
      cpus: onlineCpus(),
      controllers: availableControllers(machine.facts.cgroups),
      lacks: findVitalLacks(machine),
      programDirectories: pathDirectories(hostPath),
      findTaken: publishes ? takenPorts(await loadNative(), project) : () => undefined,
    },
    prepare: (source) => prepareRootfs(source, store, { hostPath, early: true }),
  });
}

/** A command that is brought in later says by itself that it is missing, with the exit code that scripts know. */
function looked({ container, oneOff }: ActionOf<'create'>): DesiredContainer {
  return oneOff?.mode === 'attached' ? { ...container, config: { ...container.config, argv: [] } } : container;
}
