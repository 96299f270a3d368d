import type { Change } from '../model/plan.ts';
import type { ContainerConfig } from '../model/project.ts';
import type { ContainerName, Millis, ServiceName } from '../model/units.ts';

/** Which containers are made anew: those that differ from the file, all, or none. */
export type RecreatePolicy = 'changed' | 'always' | 'never';

/** The fields in which two configurations differ, sorted by path; empty means that the container can stay. */
export type Compare = (from: ContainerConfig, to: ContainerConfig) => readonly Change[];

export type ReconcileOptions = {
  readonly compare: Compare;
  /**
   * Rewrites what an older version of the fingerprint recorded in the words of the present one, so that an upgrade of
   * tscompose recreates nothing. Absent: all versions mean the same.
   */
  readonly upgrade?: ((config: ContainerConfig, fingerprintVersion: number) => ContainerConfig) | undefined;
  /** As named on the command line; absent or empty: all enabled ones. */
  readonly services?: readonly ServiceName[] | undefined;
  /**
   * `ignore` (--no-deps): exactly the named services; nothing they need and nothing that needs them is touched. `leave`: what
   * they need is not touched, what needs them feels the consequences.
   */
  readonly dependencies?: 'follow' | 'ignore' | 'leave' | undefined;
  /** For the named services; `always` is --force-recreate, `never` --no-recreate. Default `changed`. */
  readonly recreate?: RecreatePolicy | undefined;
  /** For services that are here only because a named one needs them; `always` is --always-recreate-deps. */
  readonly recreateDependencies?: RecreatePolicy | undefined;
  /** false (--no-start, `create`): everything is made, nothing is started. Default true. */
  readonly start?: boolean | undefined;
  readonly removeOrphans?: boolean | undefined;
  /** -V: a recreated container starts with fresh anonymous volumes instead of its predecessor's. */
  readonly renewAnonymousVolumes?: boolean | undefined;
  /** -t: instead of each container's own grace. */
  readonly graceMs?: Millis | undefined;
  /**
   * Containers that this command has already made or started. They are not forced a second time, and one that has ended
   * since is not started again: from there on its restart policy decides.
   */
  readonly settled?: ReadonlySet<ContainerName> | undefined;
};
