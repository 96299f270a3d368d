import { fstatSync } from 'node:fs';
import { Launcher } from './launch.ts';

/**
 * A launcher that is there before a session needs it, and stays when that is over: a supervisor that has one need not
 * start it while a container is down. Between sessions it has no lock.
 */
export class Standby {
  #launcher: Launcher | undefined;

  constructor(first?: Launcher) {
    this.#launcher = first;
  }

  /** undefined: there is none, or a session has it, or somebody has killed it. */
  take(): Launcher | undefined {
    const launcher = this.#launcher;
    this.#launcher = undefined;
    return launcher?.isOver ? undefined : launcher;
  }

  /** Takes the lock off a launcher that a session does not need any more. */
  async give(launcher: Launcher): Promise<void> {
    if (this.#launcher !== undefined || launcher.isOver) return launcher.close();
    launcher.yield();
    this.#launcher = launcher;
  }

  async close(): Promise<void> {
    await this.take()?.close();
  }
}

/** Where `tsc-shim with-launcher` leaves it. */
const launcherFd = 4;

/** With the launcher that this process was started with, if it was. */
export function openStandby(): Standby {
  if (!isSocket(launcherFd)) return new Standby();
  return new Standby(Launcher.at(launcherFd));
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false;
  }
}
