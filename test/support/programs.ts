import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './tree.ts';

export type Program = 'puppet' | 'inspect' | 'bpf' | 'exchange';

/** The absolute path of a static test program, compiled when its source has changed since the last time. */
export function built(name: Program): string {
  const source = join(root, 'test/support/programs', `${name}.c`);
  const cache = join(root, 'node_modules/.cache/tscompose');
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const binary = join(cache, `${name}-${hash}`);
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  const fresh = `${binary}.${process.pid}`;
  execFileSync('cc', ['-static', '-O1', '-Wall', '-Wextra', '-o', fresh, source], { stdio: 'inherit' });
  renameSync(fresh, binary);
  return binary;
}
