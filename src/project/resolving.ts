import type { Origins } from '../model/project.ts';
import type { Origin } from '../model/source.ts';
import type { NormalService } from '../spec/normal.ts';
import type { Report } from '../spec/report.ts';
import { child, originOf, type Tree } from '../spec/tree.ts';
import type { Environment } from './environment.ts';
import type { Sources } from './sources.ts';
import type { Path, View } from './view.ts';

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
  readonly #service: Tree | undefined;
  readonly #origins: { [path: string]: Origin } = {};

  constructor({ tree }: View, service: string) {
    this.#service = child(child(tree, 'services'), service);
  }

  /** The value at `path` of the configuration comes from `written` of the service, if anybody wrote that. */
  add(path: string, ...written: Path): void {
    let at = this.#service;
    for (const step of written) {
      if (at === undefined) return;
      at = at.kind === 'sequence' ? at.items[Number(step)] : child(at, String(step));
    }
    if (at !== undefined && at.implied === undefined) this.#origins[path] = originOf(at);
  }

  /** The same for every key that somebody wrote and that `fields` gives the field of. */
  addFields(fields: ReadonlyMap<string, string>): void {
    if (this.#service?.kind !== 'mapping') return;
    for (const [key, { value }] of this.#service.entries) {
      const field = fields.get(key);
      if (field !== undefined && value.implied === undefined) this.#origins[field] = originOf(value);
    }
  }

  put(path: string, origin: Origin | undefined): void {
    if (origin !== undefined) this.#origins[path] = origin;
  }

  get origins(): Origins {
    return this.#origins;
  }
}
