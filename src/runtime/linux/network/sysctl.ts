import { readFileSync, writeFileSync } from 'node:fs';

const path = (key: string): string => `/proc/sys/net/${key}`;

/** The value of a sysctl of the namespace the thread is in; undefined when this kernel has no such thing. */
export function readSysctl(key: string): string | undefined {
  try {
    return readFileSync(path(key), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** Sets a sysctl of the namespace the thread is in, if there is such a one. */
export function writeSysctl(key: string, value: string): void {
  try {
    writeFileSync(path(key), value);
  } catch (error) {
    // Without br_netfilter or IPv6 the files are not there, and then there is nothing to turn off.
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}
