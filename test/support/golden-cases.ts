import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './tree.ts';

/** The stack files of all golden cases (their first file only), for tests that need many different ones. */
export function goldenTexts(): string[] {
  const folder = join(root, 'test/golden/spec');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.golden'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split(/^(?==== )/m))
    .map((block) => {
      const lines = (block.split(/^>>>\n/m)[0] ?? '').split('\n').slice(1);
      const other = lines.findIndex((line) => line.startsWith('@ '));
      return (other === -1 ? lines : lines.slice(0, other)).filter((line) => !/^[$%] /.test(line)).join('\n');
    })
    .filter((text) => text.trim() !== '');
}
