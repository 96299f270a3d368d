import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { request } from './control.ts';
import { decodeWaitStatus } from './observe.ts';
import type { HostEnvironment } from './options.ts';
import { type ContainerPaths, containerPaths, hostPaths, projectPaths } from './paths.ts';

/** What somebody who is attached to a running container can do beside reading its log. */
export class Attachment {
  readonly #where: ContainerPaths;

  constructor(project: ProjectName, container: ContainerName, host: HostEnvironment) {
    this.#where = containerPaths(projectPaths(hostPaths(host), project), container);
  }

  /** Its standard input; undefined when it keeps none open. */
  openInput(): Socket | undefined {
    let fd: number;
    try {
      fd = openSync(`${this.#where.state}/in`, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
    const socket = new Socket({ fd, readable: false, writable: true });
    socket.on('error', () => {});
    return socket;
  }

  async resize(rows: number, columns: number): Promise<void> {
    // One without a terminal says so, and nothing follows from it.
    await request(this.#where.controlSocket, { op: 'RESIZE', a: rows, b: columns });
  }

  async signal(signal: number): Promise<void> {
    await request(this.#where.controlSocket, { op: 'KILL', a: signal });
  }

  /** Its exit code as a shell sees it, once it has ended; undefined when nobody knows, or on `signal`. */
  async end(signal: AbortSignal): Promise<number | undefined> {
    const ended = await request(this.#where.controlSocket, { op: 'WAIT' }, { signal });
    if (!ended.ok || !ended.value.state.exitKnown) return undefined;
    return decodeWaitStatus(ended.value.state.waitStatus).exitCode;
  }
}
