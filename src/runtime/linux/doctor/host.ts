import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { readHostFacts } from '../host-facts.ts';
import type { HostEnvironment } from '../options.ts';
import { hostPaths } from '../paths.ts';
import { shimPath } from '../shim-path.ts';
import type { DoctorHost } from './checks.ts';

/** Reads what the checks look at. Changes nothing and needs no privilege. */
export function readDoctorHost(environment: HostEnvironment): DoctorHost {
  const paths = hostPaths(environment);
  return {
    uid: process.getuid?.() ?? -1,
    kernelRelease: release(),
    nodeVersion: process.versions.node,
    environment,
    shim: shimPath(environment),
    facts: readHostFacts(),
    libDirectory: paths.lib,
    freeBytes: freeBytes(paths.lib),
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

/** Of the filesystem that the nearest existing parent lies on. */
function freeBytes(path: string): number {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/'))) {
    if (at === '' || existsSync(at)) {
      const { bavail, bsize } = statfsSync(at === '' ? '/' : at);
      return bavail * bsize;
    }
  }
}
