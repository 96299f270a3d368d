import type { Action, Step } from './plan.ts';
import type { ContainerName } from './units.ts';

/** Something the machine refused. */
export type RuntimeFailure = {
  readonly code: FailureCode;
  /** Lower case, starts with "cannot …", no full stop. */
  readonly message: string;
  /** The path in `ContainerConfig` ("mounts.1") of what could not be done, so that it can be shown in the file. */
  readonly configPath?: string;
  /** Remedies and evidence, most useful first. */
  readonly notes: readonly string[];
};

export const failureCodes = [
  'setup-failed',
  'command-not-found',
  'command-not-executable',
  'host-feature-missing',
  'not-root',
  'shim-failed',
  'state-corrupt',
  'other-version',
  'locked',
  'no-such-container',
  'not-running',
  'already-running',
  'timeout',
  'dependency-failed',
  'unhealthy',
  'port-taken',
  'address-exhausted',
  'rootfs-failed',
  'volume-failed',
  'io',
  'interrupted',
] as const;
export type FailureCode = (typeof failureCodes)[number];

/** Everything that can happen while a plan is applied and while containers live; renderers turn it into text. */
export type Event =
  | { readonly kind: 'step-started'; readonly step: Step; readonly atMs: number }
  /** `failure`: it did not succeed, which is put up with, and was told as a warning. */
  | { readonly kind: 'step-done'; readonly step: Step; readonly atMs: number; readonly failure?: RuntimeFailure }
  | { readonly kind: 'step-failed'; readonly step: Step; readonly failure: RuntimeFailure; readonly atMs: number }
  | { readonly kind: 'step-skipped'; readonly step: Step; readonly because: string }
  | { readonly kind: 'warning'; readonly action?: Action; readonly container?: ContainerName; readonly message: string }
  | { readonly kind: 'lock-wait'; readonly holder: string };
