import type { ActionOf, Plan } from '../model/plan.ts';
import type { DesiredContainer } from '../model/state.ts';
import type { HostPath } from '../model/units.ts';
import { examine } from '../runtime/linux/doctor/checks.ts';
import { readDoctorHost } from '../runtime/linux/doctor/host.ts';
import { hostPaths } from '../runtime/linux/paths.ts';
import { availableControllers, onlineCpus, preflight } from '../runtime/linux/preflight.ts';
import { prepareRootfs } from '../runtime/linux/rootfs/prepare.ts';
import { pathDirectories } from '../runtime/linux/rootfs/programs.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { report } from './report.ts';

/**
 * Looks whether this machine can carry out what the plan wants to create, before anything is touched; all that is wrong is
 * printed at once. An exit code when it cannot.
 */
export async function checkMachine(context: Context, plan: Plan): Promise<number | undefined> {
  const containers = plan.steps.flatMap(({ action }) => (action.kind === 'create' ? [examined(action)] : []));
  if (containers.length === 0) return undefined;
  const { environment } = context;
  const machine = readDoctorHost(environment);
  const hostPath = environment['PATH'] ?? '';
  const store = hostPaths(environment).store as HostPath;
  const diagnostics = await preflight(containers, {
    host: {
      uid: machine.uid,
      cpus: onlineCpus(),
      controllers: availableControllers(machine.facts.cgroups),
      // Being root has a place of its own in preflight.
      lacks: examine(machine).filter(({ id, status }) => status === 'missing' && id !== 'root'),
      programDirectories: pathDirectories(hostPath),
    },
    prepare: (source) => prepareRootfs(source, store, { hostPath }),
  });
  report(diagnostics, context);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length === 0) return undefined;
  return errors.some(({ code }) => code === 'not-root' || code === 'host-feature')
    ? exitCode.hostLacks
    : exitCode.invalidFile;
}

/** A command that is brought in later says by itself that it is missing, with the exit code that scripts know. */
function examined({ container, oneOff }: ActionOf<'create'>): DesiredContainer {
  return oneOff?.mode === 'attached' ? { ...container, config: { ...container.config, argv: [] } } : container;
}
