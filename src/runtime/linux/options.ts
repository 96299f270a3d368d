import type { Standby } from './standby.ts';

/** Environment variables of the host, as `process.env` has them. */
export type HostEnvironment = { readonly [name: string]: string | undefined };

export type LinuxRuntimeOptions = {
  /** Where TSCOMPOSE_ROOT (a prefix for every directory of ours, for tests) and TSCOMPOSE_SHIM are read from. */
  readonly environment?: HostEnvironment;
  /** What a monitor runs when its container needs somebody and nobody supervises the project; absent: nothing. */
  readonly supervisor?: SupervisorCommand;
  /** Stored with every container made, so that a later version knows how to read its config; absent: 1. */
  readonly fingerprintVersion?: number;
  /** Where sessions have their launcher from; absent: each starts its own. */
  readonly standby?: Standby;
};

export type SupervisorCommand = {
  /** An absolute path and its arguments; the project's name is appended. For something brief: it starts fast. */
  readonly argv: readonly string[];
  /** The same for a supervisor that will stay: it is slower to start, and small. */
  readonly residentArgv: readonly string[];
  readonly environment: { readonly [name: string]: string };
};
