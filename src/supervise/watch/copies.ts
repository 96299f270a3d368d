import type { ObservedContainer } from '../../model/state.ts';
import type { ContainerName } from '../../model/units.ts';
import type { FileService } from '../../runtime/linux/files/service.ts';

type Copy = { readonly life: string; readonly files: Promise<FileService> };

/** Our hands in each running container, kept from one change to the next: joining takes longer than writing a file. */
export class Copies {
  readonly #open: (name: ContainerName) => Promise<FileService>;
  readonly #copies = new Map<ContainerName, Copy>();

  constructor(open: (name: ContainerName) => Promise<FileService>) {
    this.#open = open;
  }

  /** The files of a running container; throws a `FileError`. */
  async of({ name, status, createdAtMs }: ObservedContainer): Promise<FileService> {
    const life = `${createdAtMs} ${'startedAtMs' in status ? status.startedAtMs : ''}`;
    const known = this.#copies.get(name);
    if (known?.life === life) {
      const files = await known.files.catch(() => undefined);
      if (files?.isOpen) return files;
    }
    await this.drop(name);
    const files = this.#open(name);
    files.catch(() => {});
    this.#copies.set(name, { life, files });
    return files;
  }

  /** Leaves a container. */
  async drop(name: ContainerName): Promise<void> {
    const known = this.#copies.get(name);
    this.#copies.delete(name);
    const files = await known?.files.catch(() => undefined);
    await files?.close();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#copies.keys()].map((name) => this.drop(name)));
  }
}
