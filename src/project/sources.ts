import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { DiagnosticCode } from '../model/diagnostic.ts';
import type { Origin, SourceFile } from '../model/source.ts';
import type { Report } from '../spec/report.ts';
import { decode } from '../spec/text.ts';
import type { Place } from '../spec/tree.ts';
import type { FileKind, FileSource, Inputs, LoadRequest } from './request.ts';

export type ReadOptions = {
  /** Most bytes that are read. */
  readonly limit: number;
  /** What the file is to the user: `stack file`, `env file` … */
  readonly what: string;
  /** Where the file is named; absent when the command line or a default named it. */
  readonly at?: Place | Origin | undefined;
  /** The code for a file that is not there. */
  readonly missing?: DiagnosticCode;
  /** What to do when it is not there; otherwise, what its path is relative to is explained. */
  readonly remedy?: () => readonly string[];
};

/**
 * The files and variables one load may see. Everything that was asked for is remembered, because the outcome depends on
 * it, answers in the negative included.
 */
export class Sources {
  readonly #request: LoadRequest;
  readonly #source: FileSource;
  readonly #report: Report;
  readonly #texts = new Map<string, SourceFile | undefined>();
  readonly #hashes = new Map<string, string>();
  readonly #variables = new Map<string, string | undefined>();

  constructor(request: LoadRequest, source: FileSource, report: Report) {
    this.#request = request;
    this.#source = source;
    this.#report = report;
  }

  kind(path: string): FileKind {
    const kind = this.#source.kind(path);
    if (kind !== 'file' && !this.#hashes.has(path)) this.#hashes.set(path, 'missing');
    return kind;
  }

  variable(name: string): string | undefined {
    const value = Object.hasOwn(this.#request.environment, name) ? this.#request.environment[name] : undefined;
    this.#variables.set(name, value);
    return value;
  }

  /** A text file; why it cannot be had is reported. */
  text(path: string, options: ReadOptions): SourceFile | undefined {
    if (this.#texts.has(path)) return this.#texts.get(path);
    const bytes = path === '-' ? new TextEncoder().encode(this.#request.stdin ?? '') : this.bytes(path, options);
    const file = bytes === undefined ? undefined : this.#decoded(path, bytes, options);
    this.#texts.set(path, file);
    return file;
  }

  #decoded(path: string, bytes: Uint8Array, options: ReadOptions): SourceFile | undefined {
    this.#hashes.set(path, sha256(bytes));
    const shown = this.shown(path);
    const text = bytes.length > options.limit ? undefined : decode(bytes);
    if (text?.ok) return { path: shown, text: text.value };
    if (text === undefined) this.#tooLarge(shown, options);
    else
      this.#report.error('file-not-text', {
        summary: `cannot read ${options.what} ${shown}: it ${text.error}`,
        at: options.at,
      });
    return undefined;
  }

  /** The content of a file; why it cannot be had is reported. */
  bytes(path: string, options: ReadOptions): Uint8Array | undefined {
    const shown = this.shown(path);
    const kind = this.kind(path);
    const wrong = (why: string, ...notes: string[]): undefined =>
      this.#report.error(kind === 'missing' ? (options.missing ?? 'file-missing') : 'file-unreadable', {
        summary: `cannot read ${options.what} ${shown}: ${why}`,
        at: options.at,
        notes,
      }) as undefined;
    if (kind === 'directory') return wrong('it is a directory', 'name the file in it');
    if (kind === 'other')
      return wrong('it is not a regular file', 'name a file that can be read again, or - for standard input');
    const read = kind === 'file' ? this.#source.read(path, options.limit) : ({ ok: false, code: 'ENOENT' } as const);
    if (read.ok) {
      this.#hashes.set(path, sha256(read.bytes));
      return read.bytes;
    }
    this.#hashes.set(path, 'missing');
    if (read.code === 'EFBIG') return this.#tooLarge(shown, options);
    return wrong(errnoWords[read.code] ?? read.code, ...this.#remedy(read.code, options));
  }

  #remedy(code: string, { remedy, at }: ReadOptions): readonly string[] {
    if (code === 'EACCES' || code === 'EPERM') return ['run as a user who may read it, or change its permissions'];
    if (code === 'ELOOP') return ['name the file itself: a link of this path leads back to where it began'];
    if (code !== 'ENOENT' && code !== 'ENOTDIR') return [];
    if (remedy !== undefined) return remedy();
    return at === undefined ? [] : ['relative paths start at the directory of the first stack file'];
  }

  #tooLarge(shown: string, options: ReadOptions): undefined {
    this.#report.error('file-too-large', {
      summary: `cannot read ${options.what} ${shown}: it is larger than ${options.limit / 1024 / 1024} MiB`,
      at: options.at,
      notes: ['is it the right file?'],
    });
    return undefined;
  }

  /** A path as the user would write it. */
  shown(path: string): string {
    if (path === '-') return '<stdin>';
    const relative = posix.relative(this.#request.cwd, path);
    return relative === '' || relative.startsWith('../') || relative === '..' ? path : relative;
  }

  sha256(path: string): string | undefined {
    return this.#hashes.get(path);
  }

  inputs(): Inputs {
    const files = [...this.#hashes].sort(byName).map(([path, hash]) => ({ path, sha256: hash }));
    const variables = [...this.#variables]
      .sort(byName)
      .map(([name, value]) => (value === undefined ? { name } : { name, value }));
    return { files, variables };
  }
}

const byName = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : 1);

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

const errnoWords: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'too many symbolic links',
  EISDIR: 'it is a directory',
  ENAMETOOLONG: 'the name is too long',
};
