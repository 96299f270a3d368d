import type { FileSource } from '../../src/project/request.ts';

export type MemoryFile = string | Uint8Array | { readonly kind: 'directory' | 'other' } | { readonly code: string };

/** Files that only a test knows, by absolute path. */
export const memoryFiles = (files: { readonly [path: string]: MemoryFile }): FileSource => ({
  kind(path) {
    const file = files[path];
    if (file === undefined) return 'missing';
    return typeof file === 'object' && 'kind' in file ? file.kind : 'file';
  },
  read(path, limit) {
    const file = files[path];
    if (file === undefined) return { ok: false, code: 'ENOENT' };
    if (typeof file === 'object' && 'code' in file) return { ok: false, code: file.code };
    if (typeof file === 'object' && 'kind' in file) return { ok: false, code: 'EISDIR' };
    const bytes = typeof file === 'string' ? new TextEncoder().encode(file) : file;
    return bytes.length > limit ? { ok: false, code: 'EFBIG' } : { ok: true, bytes };
  },
});
