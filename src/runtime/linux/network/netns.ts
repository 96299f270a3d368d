import { closeSync, openSync } from 'node:fs';
import type { Native } from '../native.ts';

const CLONE_NEWNET = 0x40000000;
const OWN = '/proc/thread-self/ns/net';

/**
 * Runs `body` with the main thread inside the network namespace of `fd`. It must be synchronous to its end: what it opens
 * (sockets, files under /proc/sys/net) belongs to that namespace for good, while the thread is back before anything else
 * runs. If the way back is barred the process ends, since everything after would happen in the wrong place.
 */
export function inNetns<T>(native: Native, fd: number, body: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    native.setns(fd, CLONE_NEWNET);
    return body();
  } finally {
    goHome(native, home);
  }
}

/** Runs `body` inside a network namespace made for it; the namespace lives on only if `body` pins it or opens it. */
export function inNewNetns<T>(native: Native, body: () => T): T {
  const home = openSync(OWN, 'r');
  try {
    native.unshare(CLONE_NEWNET);
    return body();
  } finally {
    goHome(native, home);
  }
}

function goHome(native: Native, home: number): void {
  try {
    native.setns(home, CLONE_NEWNET);
  } catch {
    process.abort();
  }
  closeSync(home);
}
