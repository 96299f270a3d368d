import type { Origin } from './source.ts';

export type Severity = 'error' | 'warning' | 'notice';

/** Something wrong (or worth knowing) in the user's input. Data only: text and colour are made in `cli/render`. */
export type Diagnostic = {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  /** One line, lower case, no full stop; starts with "cannot …" or names the wrong thing. */
  readonly summary: string;
  /** Exactly the culprit: the key of an unknown key, the value of a bad value. */
  readonly subject?: Origin;
  readonly notes: readonly Note[];
};

/** A remedy, or a second place that takes part in the mistake. */
export type Note = { readonly text: string; readonly origin?: Origin };

/** Every code has a page in docs/errors.md and a golden test; a house test holds this list, the pages and the tests together. */
export const diagnosticCodes = [
  'file-missing',
  'file-unreadable',
  'file-too-large',
  'file-not-text',
  'yaml-syntax',
  'yaml-duplicate-key',
  'yaml-alias',
  'yaml-shape',
  'unknown-key',
  'wrong-type',
  'missing-key',
  'bad-value',
  'bad-size',
  'bad-duration',
  'bad-signal',
  'bad-user',
  'bad-port',
  'bad-name',
  'bad-interpolation',
  'required-variable',
  'variable-unset',
  'env-file',
  'cannot-merge',
  'include',
  'extends',
  'conflict',
  'unknown-service',
  'unknown-reference',
  'dependency-cycle',
  'duplicate-target',
  'duplicate-name',
  'no-rootfs',
  'rootfs-missing',
  'rootfs-invalid',
  'program-missing',
  'command-missing',
  'command-not-executable',
  'bind-missing',
  'bind-invalid',
  'device-missing',
  'limit-out-of-range',
  'port-taken',
  'dependency-failed',
  'not-honoured',
  'host-feature',
  'not-root',
  'obsolete',
] as const;

export type DiagnosticCode = (typeof diagnosticCodes)[number];

/** What a command says of itself, without a place in a file; each has a page in docs/errors.md too. */
export const commandCodes = [
  'usage',
  'no-such-service',
  'no-such-value',
  'no-such-port',
  'exists',
  'output',
  'name-taken',
  'no-images',
  'no-output',
  'not-running',
  'nothing-to-watch',
  'watch-failed',
  'orphans',
  'copy-failed',
  'unsettled',
  'io',
] as const;

export type CommandCode = (typeof commandCodes)[number];
