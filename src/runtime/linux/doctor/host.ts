import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release, userInfo } from 'node:os';
import { readHostFacts } from '../host-facts.ts';
import type { HostEnvironment } from '../options.ts';
import { hostPaths } from '../paths.ts';
import { shimPath } from '../shim-path.ts';
import type { DoctorHost } from './finding.ts';

/** Reads what the checks look at, except for what must be tried. Changes nothing and needs no privilege. */
export function readDoctorHost(environment: HostEnvironment): DoctorHost {
  const paths = hostPaths(environment);
  return {
    uid: process.getuid?.() ?? -1,
    get user() {
      return userName();
    },
    kernelRelease: release(),
    nodeVersion: process.versions.node,
    environment,
    shim: shimPath(environment),
    facts: readHostFacts(),
    libDirectory: paths.lib,
    get freeBytes() {
      return freeBytes(paths.lib);
    },
    text: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    exists: existsSync,
  };
}

/** Reads, and tries out what only trying tells: only doctor takes that time. */
export async function tryDoctorHost(environment: HostEnvironment): Promise<DoctorHost> {
  const { tryMachine } = await import('./probes.ts');
  const host = readDoctorHost(environment);
  return { ...host, probes: await tryMachine(existingParent(host.libDirectory)) };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A uid without a line in /etc/passwd.
    return String(process.getuid?.());
  }
}

function existingParent(path: string): string {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (existsSync(at)) return at;
  return '/';
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(existingParent(path));
  return bavail * bsize;
}
