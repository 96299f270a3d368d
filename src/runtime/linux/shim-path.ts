import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostEnvironment } from './options.ts';

/** In the published package the shim lies beside the bundle; from the sources it is where the build puts it. */
export function shimPath(environment: HostEnvironment): string {
  const named = environment['TSCOMPOSE_SHIM'];
  if (named !== undefined && named !== '') return named;
  const file = `native/linux-${process.arch}/tsc-shim`;
  // A CommonJS bundle has no import.meta.url, but it has __dirname.
  if (typeof __dirname === 'string') return join(__dirname, file);
  return join(dirname(fileURLToPath(import.meta.url)), '../../../dist', file);
}

/** The net process's program lies beside the shim. */
export const netPath = (environment: HostEnvironment): string => join(dirname(shimPath(environment)), 'tsc-net');
