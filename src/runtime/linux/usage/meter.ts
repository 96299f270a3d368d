import type { ContainerName, ProjectName } from '../../../model/units.ts';
import { initLives } from '../lives.ts';
import type { HostEnvironment } from '../options.ts';
import { containerPaths, hostPaths, projectPaths } from '../paths.ts';
import { type ContainerRecord, readRecord, readState } from '../state-dir.ts';
import { OpenFiles } from './open-files.ts';
import { readUsage, type Usage } from './usage.ts';

type Life = { readonly record: ContainerRecord; readonly pid: number; readonly files: OpenFiles };

/** Reads what containers use, as often as is asked. What belongs to one life of a container is found once. */
export class Meter {
  readonly #project: ProjectName;
  readonly #host: HostEnvironment;
  readonly #lives = new Map<ContainerName, Life>();

  constructor(project: ProjectName, host: HostEnvironment) {
    this.#project = project;
    this.#host = host;
  }

  /** undefined when it does not run. */
  read(container: ContainerName): Usage | undefined {
    const life = this.#lifeOf(container);
    return life === undefined ? undefined : readUsage({ ...life.record, pid: life.pid }, life.files);
  }

  close(): void {
    for (const { files } of this.#lives.values()) files.close();
    this.#lives.clear();
  }

  #lifeOf(container: ContainerName): Life | undefined {
    const known = this.#lives.get(container);
    // Its descriptor answers as long as that very process lives, whoever has its number later.
    if (known?.files.read(`/proc/${known.pid}/stat`) !== undefined) return known;
    const where = containerPaths(projectPaths(hostPaths(this.#host), this.#project), container);
    const state = readState(where.stateRecord);
    this.#forget(container);
    const record = readRecord(where.record);
    if (record === undefined || !initLives(state)) return undefined;
    const life = { record, pid: state.initPid, files: new OpenFiles() };
    this.#lives.set(container, life);
    return life;
  }

  #forget(container: ContainerName): undefined {
    this.#lives.get(container)?.files.close();
    this.#lives.delete(container);
  }
}
