import type { RuntimeFailure } from '../../../model/event.ts';
import type { Network } from '../../../model/project.ts';
import type { ContainerName } from '../../../model/units.ts';
import { ok, type Result } from '../../../util/result.ts';
import type { Wish } from './address-plan.ts';
import type { Networking } from './index.ts';
import type { Found, NetworkingOptions } from './options.ts';
import { hasNetworkRecord, networkPaths } from './record.ts';

type Outcome = Promise<Result<void, RuntimeFailure>>;

/** `Networking` of a project that may have no networks, and then never loads it: a third of what a session is made of. */
export class LazyNetworking {
  readonly #options: NetworkingOptions;
  #loaded: Networking | undefined;

  constructor(options: NetworkingOptions) {
    this.#options = options;
  }

  async #load(): Promise<Networking> {
    const { Networking } = await import('./index.ts');
    this.#loaded ??= new Networking(this.#options);
    return this.#loaded;
  }

  /** To be awaited before anything else is asked: what is not loaded then is that of a project without networks. */
  async begin(): Promise<void> {
    if (hasNetworkRecord(networkPaths(this.#options.at).record)) await this.#load();
  }

  get hasAttached(): boolean {
    return this.#loaded?.hasAttached ?? false;
  }

  /** The fifo that the net process holds open, and the command that brings it back. */
  get revival(): { readonly alive: string; readonly argv: readonly string[] } {
    const { run, alive } = networkPaths(this.#options.at);
    return { alive, argv: [this.#options.program, 'revive', run] };
  }

  interfaces(container: ContainerName): ReturnType<Networking['interfaces']> {
    return this.#loaded?.interfaces(container);
  }

  handOver(container: ContainerName): boolean {
    return this.#loaded?.handOver(container) ?? false;
  }

  files(container: ContainerName): ReturnType<Networking['files']> {
    return this.#loaded?.files(container);
  }

  release(container: ContainerName): void {
    this.#loaded?.release(container);
  }

  async createNetwork(network: Network): Outcome {
    return (await this.#load()).createNetwork(network);
  }

  async removeNetwork(network: Network): Outcome {
    return (await this.#load()).removeNetwork(network);
  }

  async place(wish: Wish): Outcome {
    return (await this.#load()).place(wish);
  }

  async attach(container: ContainerName, monitorPid: number): Outcome {
    return (await this.#load()).attach(container, monitorPid);
  }

  async repair(found: Found): Outcome {
    return this.#loaded?.repair(found) ?? ok(undefined);
  }

  async settle(): Outcome {
    return this.#loaded?.settle() ?? ok(undefined);
  }

  async close(): Outcome {
    return this.#loaded?.close() ?? ok(undefined);
  }
}
