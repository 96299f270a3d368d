import type { RuntimeFailure } from '../../model/event.ts';
import type { Hook, Mount } from '../../model/project.ts';
import type { ObservedContainer } from '../../model/state.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { type ExecOutcome, execInContainer } from '../../runtime/linux/exec.ts';
import { openFilesUnderLock, openLiveFiles } from '../../runtime/linux/files/open.ts';
import { FileError, type FileService } from '../../runtime/linux/files/service.ts';
import { differingPaths, type SyncPath, syncPaths } from '../../runtime/linux/files/sync.ts';
import type { HostEnvironment } from '../../runtime/linux/options.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Result } from '../../util/result.ts';
import { Copies } from './copies.ts';
import { mountOver } from './rules.ts';

/** What became of a copy to one container. */
export type Copied =
  /** `items`: what was brought; the rest lies on mounts, which a container that does not run has not got. */
  | { readonly kind: 'copied'; readonly items: readonly SyncPath[] }
  /** It has just gone. */
  | { readonly kind: 'missed' }
  /** It does not run, and somebody is changing the project: that may be its start. */
  | { readonly kind: 'busy' }
  | { readonly kind: 'refused'; readonly message: string; readonly hint?: string };

/** A container, as far as copying to it goes. */
export type Guest = {
  readonly name: ContainerName;
  readonly mounts: readonly Mount[];
  /** Absent: it does not run. */
  readonly running?: ObservedContainer;
};

export function guestOf(container: ObservedContainer): Guest {
  const { name, status, config } = container;
  const runs = status.kind === 'running' || status.kind === 'paused';
  return { name, mounts: config.mounts, ...(runs && { running: container }) };
}

export type GuestsHost = { readonly environment: HostEnvironment; readonly runtime: Runtime };

/** Files and commands of watch mode in the containers of a project. */
export class Guests {
  readonly #project: ProjectName;
  readonly #host: HostEnvironment;
  readonly #runtime: Runtime;
  readonly #copies: Copies;
  /** The last copy under the project's lock: the next one would take it for somebody else's. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(project: ProjectName, { environment: host, runtime }: GuestsHost) {
    this.#project = project;
    this.#runtime = runtime;
    this.#host = host;
    this.#copies = new Copies(async (name) => {
      const files = openLiveFiles(project, name, host);
      if (files === undefined) throw new FileError('ESRCH', name);
      return files;
    });
  }

  /** Joins a running container before it is needed, so that the first change need not wait for it. */
  async greet(container: ObservedContainer): Promise<void> {
    await this.#copies.of(container).catch(() => {});
  }

  /** Makes each target what its source is now. */
  async copy(guest: Guest, items: readonly SyncPath[]): Promise<Copied> {
    const work = () =>
      this.#within(guest, async (files) => {
        const possible = reachable(guest, items);
        await syncPaths(files, possible);
        return possible;
      });
    if (guest.running !== undefined) return work();
    const copied = this.#last.then(() => this.#underLock(work));
    this.#last = copied.catch(() => {});
    return copied;
  }

  async #underLock(work: () => Promise<Copied>): Promise<Copied> {
    const busy = new AbortController();
    const session = await this.#runtime.open(this.#project, {
      title: 'watch',
      onWait: () => busy.abort(),
      warn: () => {},
      signal: busy.signal,
    });
    if (!session.ok) return { kind: busy.signal.aborted ? 'busy' : 'missed' };
    return work().finally(() => session.value.close());
  }

  /**
   * The same for those of which the container has something else, or nothing. When it does not run, the project's lock must
   * be held.
   */
  complete(guest: Guest, items: readonly SyncPath[]): Promise<Copied> {
    return this.#within(guest, async (files) => {
      const lacking = await differingPaths(files, reachable(guest, items));
      await syncPaths(files, lacking);
      return lacking;
    });
  }

  run(container: ContainerName, hook: Hook, signal: AbortSignal): Promise<Result<ExecOutcome, RuntimeFailure>> {
    const { argv, environment, user, workingDir, privileged } = hook;
    return execInContainer(this.#project, container, {
      argv,
      environment,
      privileged,
      tty: false,
      stdio: 'capture',
      host: this.#host,
      signal,
      ...(user === undefined ? {} : { user }),
      ...(workingDir === undefined ? {} : { workingDir }),
    });
  }

  /** Leaves a container. */
  forget(container: ContainerName): Promise<void> {
    return this.#copies.drop(container);
  }

  close(): Promise<void> {
    return this.#copies.close();
  }

  async #within({ name, running }: Guest, work: (files: FileService) => Promise<readonly SyncPath[]>): Promise<Copied> {
    try {
      if (running !== undefined) return { kind: 'copied', items: await work(await this.#copies.of(running)) };
      // Not kept: nobody may start it while its layers are mounted here.
      const files = await openFilesUnderLock(this.#project, name, this.#host);
      const items = await work(files).finally(() => files.close());
      return { kind: 'copied', items };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (error.code === 'ESRCH' || error.path === name) return { kind: 'missed' };
      return { kind: 'refused', ...refusal(name, error) };
    }
  }
}

function reachable({ running, mounts }: Guest, items: readonly SyncPath[]): readonly SyncPath[] {
  return running === undefined ? items.filter(({ target }) => mountOver(mounts, target) === undefined) : items;
}

function refusal(name: ContainerName, { code, path }: FileError): { readonly message: string; readonly hint?: string } {
  const message = `cannot write ${path} in ${name}: ${code}`;
  switch (code) {
    case 'EROFS':
      return { message, hint: 'the place is read-only in the container: mount a volume there, or take read_only off' };
    case 'ENOSPC':
    case 'EDQUOT':
      return { message, hint: 'there is no room left where the container writes' };
    case 'EPERM':
      return { message, hint: 'the place belongs to the kernel, or is immutable' };
    default:
      return { message };
  }
}
