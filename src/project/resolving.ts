import type { Origins } from '../model/project.ts';
import type { Origin } from '../model/source.ts';
import type { NormalService } from '../spec/normal.ts';
import type { Report } from '../spec/report.ts';
import type { Environment } from './environment.ts';
import type { Sources } from './sources.ts';
import { type Path, type View, writtenAt } from './view.ts';

/** What turning the normalised stack into a project needs to know. */
export type Resolving = {
  readonly view: View;
  readonly report: Report;
  readonly sources: Sources;
  readonly environment: Environment;
  readonly directory: string;
  readonly home: string;
  readonly broken: ReadonlySet<string>;
  /** false (`config`): a service without a root file system or a command is no mistake. */
  readonly runnable: boolean;
};

/** One service on its way. */
export type Subject = Resolving & {
  readonly name: string;
  readonly service: NormalService;
  readonly trail: Trail;
};

/** Collects where the values of a container's configuration were written. */
export class Trail {
  readonly #view: View;
  readonly #base: Path;
  readonly #origins: { [path: string]: Origin } = {};

  constructor(view: View, service: string) {
    this.#view = view;
    this.#base = ['services', service];
  }

  /** The value at `path` of the configuration comes from `written` of the service, if anybody wrote that. */
  add(path: string, ...written: Path): void {
    const origin = writtenAt(this.#view, ...this.#base, ...written);
    if (origin !== undefined) this.#origins[path] = origin;
  }

  put(path: string, origin: Origin | undefined): void {
    if (origin !== undefined) this.#origins[path] = origin;
  }

  get origins(): Origins {
    return this.#origins;
  }
}
