import { closeSync, openSync, readSync } from 'node:fs';

const firstBytes = 4096;

/**
 * Files of the kernel that are read again and again: their descriptors stay open, since finding a cgroup or a process by its
 * path costs more than reading it. One whose owner is gone is undefined from then on.
 */
export class OpenFiles {
  readonly #fds = new Map<string, number | undefined>();
  #buffer = Buffer.allocUnsafe(firstBytes);

  /** The whole content; undefined when there is no such file (any more). */
  read(path: string): string | undefined {
    const fd = this.#open(path);
    if (fd === undefined) return undefined;
    try {
      let length = 0;
      for (;;) {
        const got = readSync(fd, this.#buffer, length, this.#buffer.length - length, length);
        length += got;
        if (got === 0 || length < this.#buffer.length) return this.#buffer.toString('latin1', 0, length);
        this.#buffer = Buffer.concat([this.#buffer, Buffer.allocUnsafe(this.#buffer.length)]);
      }
    } catch {
      closeSync(fd);
      this.#fds.set(path, undefined);
      return undefined;
    }
  }

  close(): void {
    for (const fd of this.#fds.values()) if (fd !== undefined) closeSync(fd);
    this.#fds.clear();
  }

  #open(path: string): number | undefined {
    if (this.#fds.has(path)) return this.#fds.get(path);
    let fd: number | undefined;
    try {
      fd = openSync(path, 'r');
    } catch {
      // Not there: this kernel or this container has none.
    }
    this.#fds.set(path, fd);
    return fd;
  }
}
