import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the installed package: the bundle lies in dist/, the sources below src/cli/. */
export function packageDirectory(): string {
  // A CommonJS bundle has no import.meta.url, but it has __dirname.
  if (typeof __dirname === 'string') return dirname(__dirname);
  return join(dirname(fileURLToPath(import.meta.url)), '../..');
}
