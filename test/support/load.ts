import { loadProject } from '../../src/project/load.ts';
import type { LoadOutcome, LoadRequest } from '../../src/project/request.ts';
import { type MemoryFile, memoryFiles } from './memory-files.ts';

export type LoadInput = Partial<LoadRequest> & { readonly more?: { readonly [path: string]: MemoryFile } };

/** Loads `text` as /work/p/stack.yml; `more` are other files, relative to /work/p. */
export function loadText(text: string | Uint8Array, { more = {}, ...request }: LoadInput = {}): LoadOutcome {
  const files: { [path: string]: MemoryFile } = { '/work/p/stack.yml': text };
  for (const [path, file] of Object.entries(more)) files[path.startsWith('/') ? path : `/work/p/${path}`] = file;
  return loadProject({ cwd: '/work/p', home: '/home/u', environment: {}, ...request }, memoryFiles(files));
}
