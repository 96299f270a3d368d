import type { Diagnostic } from '../model/diagnostic.ts';
import type { Project } from '../model/project.ts';
import type { Stack } from './stack.ts';

/** What the command line, the environment and the place of the call say about which stack to load. */
export type LoadRequest = {
  /** `-f`, in order; `-` is standard input. Absent: `COMPOSE_FILE`, then the look-up by name, upwards from `cwd`. */
  readonly files?: readonly string[];
  /** `-p`; must already be in normal form. */
  readonly projectName?: string;
  readonly projectDirectory?: string;
  /** `--env-file`; replaces the default `.env`. */
  readonly envFiles?: readonly string[];
  /** `--profile`; `*` is all of them. */
  readonly profiles?: readonly string[];
  /** Services named on the command line: their own profiles are turned on. */
  readonly services?: readonly string[];
  /** Absolute. */
  readonly cwd: string;
  /** What `~` stands for. */
  readonly home: string;
  readonly environment: { readonly [name: string]: string | undefined };
  /** The text behind `-`; read by the caller before, because reading it waits. */
  readonly stdin?: string;
  /** `config --no-interpolate`: variables stay as written and no project is resolved. */
  readonly interpolate?: boolean;
  /** `config --no-path-resolution`: relative paths stay as written and no project is resolved. */
  readonly resolvePaths?: boolean;
  /** `config --no-normalize`: no implicit network, names and dependencies are added, and no project is resolved. */
  readonly normalize?: boolean;
  /** `config --no-consistency`: references between elements are not checked, and no project is resolved. */
  readonly checkConsistency?: boolean;
  /** false (`config`): a service that has no root file system or no command yet is no mistake. */
  readonly runnable?: boolean;
  /** `config --no-env-resolution`: `env_file` stays, and no project is resolved. */
  readonly resolveEnvironment?: boolean;
};

/** Read access to the host's files, synchronous; the only thing of the machine that loading a stack sees. */
export interface FileSource {
  /** Follows symbolic links. Asked before every `read`, so that a FIFO or a device is never opened. */
  kind(path: string): FileKind;
  /** The whole content, or why not; a file longer than `limit` bytes is not read (`EFBIG`). */
  read(path: string, limit: number): FileRead;
}

export type FileKind = 'file' | 'directory' | 'other' | 'missing';
export type FileRead =
  | { readonly ok: true; readonly bytes: Uint8Array }
  /** `code` as in errno(3): `ENOENT`, `EACCES`, `ELOOP`, `EFBIG` … */
  | { readonly ok: false; readonly code: string };

export type LoadOutcome = {
  /** Absent as soon as one diagnostic is an error, or when a request asked for less than the whole way. */
  readonly project?: Project;
  /** Beside errors: the services in which nothing is wrong, so that the machine can be looked at for them. */
  readonly sound?: Project;
  /** The normalised stack file behind `project`: what `config` prints and `--explain` looks through. */
  readonly stack?: Stack;
  /** All of them, ordered by file and position. */
  readonly diagnostics: readonly Diagnostic[];
  readonly inputs: Inputs;
};

/** Everything the outcome depends on beside the request's own flags, `cwd` and `home`, so that it can be cached. */
export type Inputs = {
  /** Absolute paths, each once, `-` for standard input; candidates that were looked for in vain are `missing`. */
  readonly files: readonly { readonly path: string; readonly sha256: string | 'missing' }[];
  /** Variables of the environment that were asked for, sorted by name; no value: not set. */
  readonly variables: readonly { readonly name: string; readonly value?: string }[];
};
