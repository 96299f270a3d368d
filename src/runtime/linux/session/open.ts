import type { RuntimeFailure } from '../../../model/event.ts';
import type { ProjectName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import type { OpenOptions, Session } from '../../runtime.ts';
import { describeHolder, Launcher } from '../launch.ts';
import { Networking } from '../network/index.ts';
import type { LinuxRuntimeOptions } from '../options.ts';
import { type Paths, projectPaths } from '../paths.ts';
import { netPath, shimPath } from '../shim-path.ts';
import { makeDirectory } from '../state-dir.ts';
import { lazyHostFacts } from './context.ts';
import { LinuxSession } from './session.ts';

/** Takes the lock of a project; what the session needs of the machine is looked up when it is first asked for. */
export async function openSession(
  paths: Paths,
  project: ProjectName,
  { title, onWait, warn, signal, runtime: options }: OpenOptions & { readonly runtime: LinuxRuntimeOptions },
): Promise<Result<Session, RuntimeFailure>> {
  if (process.geteuid?.() !== 0) {
    const notes = ['run it as root (sudo); containers without root come later'];
    return err({ code: 'not-root', message: 'cannot change anything without root', notes });
  }
  const environment = options.environment ?? {};
  const at = projectPaths(paths, project);
  makeDirectory(paths.run, 0o711);
  const launcher = await Launcher.open({
    shim: shimPath(environment),
    lock: at.lock,
    title,
    onWait: (pid) => onWait(describeHolder(pid)),
    signal,
  });
  if (!launcher.ok) return launcher;
  const network = new Networking({ paths, at, project, program: netPath(environment) });
  const context = { paths, at, project, launcher: launcher.value, options, warn };
  return ok(new LinuxSession({ ...context, network, host: lazyHostFacts() }));
}
