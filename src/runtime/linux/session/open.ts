import type { RuntimeFailure } from '../../../model/event.ts';
import type { ProjectName } from '../../../model/units.ts';
import { err, ok } from '../../../util/result.ts';
import type { Begin, Opening } from '../../runtime.ts';
import { describeHolder, Launcher } from '../launch.ts';
import { LazyNetworking } from '../network/lazy.ts';
import type { LinuxRuntimeOptions } from '../options.ts';
import { type Paths, projectPaths } from '../paths.ts';
import { refusalOf } from '../refusal.ts';
import { netPath, shimPath } from '../shim-path.ts';
import { makeDirectory } from '../state-dir.ts';
import { lazyHostFacts } from './context.ts';
import { LinuxSession } from './session.ts';

function makeRun({ run }: Paths): RuntimeFailure | undefined {
  try {
    makeDirectory(run, 0o711);
    return undefined;
  } catch (cause) {
    const refusal = refusalOf(cause);
    if (refusal === undefined) throw cause;
    return refusal;
  }
}

/** Starts what a session of the project needs; it touches nothing until the lock is taken. */
export function beginSession(
  paths: Paths,
  project: ProjectName,
  { title, likely = [], runtime: options }: Begin & { readonly runtime: LinuxRuntimeOptions },
): Opening {
  const environment = options.environment ?? {};
  const at = projectPaths(paths, project);
  const netns = likely.filter(({ config }) => ['networks', 'none'].includes(config.networkMode.kind)).length;
  const start = (): Launcher => Launcher.start({ shim: shimPath(environment), lock: at.lock, title, netns });
  const { standby } = options;
  const ready = standby?.take();
  let launcher = ready ?? start();
  return {
    cancel: () => launcher.close(),
    session: async ({ onWait, warn, signal }) => {
      if (process.geteuid?.() !== 0) {
        await launcher.close();
        const notes = ['run it as root (sudo); containers without root come later'];
        return err({ code: 'not-root', message: 'cannot change anything without root', notes });
      }
      const made = makeRun(paths);
      if (made !== undefined) {
        await launcher.close();
        return err(made);
      }
      const lock = () => launcher.lock({ onWait: (pid) => onWait(describeHolder(pid)), signal });
      let locked = await lock();
      if (!locked.ok && launcher === ready && !signal.aborted) {
        // Killed while it had nothing to do, which costs nobody anything.
        launcher = start();
        locked = await lock();
      }
      if (!locked.ok) return locked;
      const network = new LazyNetworking({ paths, at, project, program: netPath(environment) });
      const release = () => standby?.give(launcher) ?? launcher.close();
      const context = { paths, at, project, launcher, release, relock: lock, options, warn };
      return ok(new LinuxSession({ ...context, starting: new Map(), network, host: lazyHostFacts() }));
    },
  };
}
