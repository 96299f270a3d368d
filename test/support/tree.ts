import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root directory, absolute. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

const notOurs = new Set(['node_modules', 'dist', '.git', 'results']);

/** Every file of the project below `directory`, as sorted paths relative to the root; installed and built things left out. */
export function filesBelow(directory: string): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, directory), { withFileTypes: true })) {
    const path = directory === '.' ? entry.name : `${directory}/${entry.name}`;
    if (entry.isDirectory() && !notOurs.has(entry.name)) found.push(...filesBelow(path));
    if (entry.isFile()) found.push(path);
  }
  return found.sort();
}

export const readText = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Lines as an editor counts them: a newline at the end starts no further line. */
export const countLines = (text: string): number => text.replace(/\n$/, '').split('\n').length;
