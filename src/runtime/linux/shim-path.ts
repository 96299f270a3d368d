import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostEnvironment } from './options.ts';

/** In the published package the shim lies beside the bundle; from the sources it is where the build puts it. */
export function shimPath(environment: HostEnvironment): string {
  const named = environment['TSCOMPOSE_SHIM'];
  if (named !== undefined && named !== '') return named;
  return built('tsc-shim');
}

/** What Node loads of ours is part of this program, whatever shim it is told to use. */
export const addonPath = (): string => built('tsc-addon.node');

function built(name: string): string {
  // A CommonJS bundle has no import.meta.url, but it has __dirname; tests that run from the sources have both.
  const here = typeof __dirname === 'string' ? __dirname : dirname(fileURLToPath(import.meta.url));
  const dist = basename(here) === 'linux' ? join(here, '../../../dist') : here;
  return join(dist, `native/linux-${process.arch}`, name);
}

/** The net process's program lies beside the shim. */
export const netPath = (environment: HostEnvironment): string => join(dirname(shimPath(environment)), 'tsc-net');
