import type { ContainerConfig, Dependency, Network, Origins, PublishedPort, UpdatePolicy, Volume } from './project.ts';
import type { ContainerName, ProjectName, ServiceName } from './units.ts';

/** Desired and observed state have the same shape, so that their difference is a join by container name. */
export type DesiredState = {
  readonly project: ProjectName;
  /** Every enabled service, also one scaled to 0: what is left of it is scaled down, not an orphan. */
  readonly services: readonly ServiceName[];
  readonly containers: readonly DesiredContainer[];
  readonly volumes: readonly Volume[];
  readonly networks: readonly Network[];
  /** Services that the file knows but a profile turns off: their containers are not orphans. */
  readonly disabledServices: readonly ServiceName[];
};

export type DesiredContainer = {
  readonly name: ContainerName;
  readonly service: ServiceName;
  /** 1-based replica number. */
  readonly number: number;
  readonly config: ContainerConfig;
  readonly dependsOn: readonly Dependency[];
  /** How replicas are made anew; absent: all at once. No part of what the container is. */
  readonly update?: UpdatePolicy;
  readonly origins: Origins;
};

export type ObservedState = {
  readonly project: ProjectName;
  readonly containers: readonly ObservedContainer[];
  /** What `run` has made and nobody has removed yet: no replicas, and never orphans. Absent: none. */
  readonly oneOffs?: readonly ObservedContainer[];
  readonly volumes: readonly ObservedVolume[];
  readonly networks: readonly ObservedNetwork[];
};

export type ObservedContainer = {
  readonly name: ContainerName;
  readonly service: ServiceName;
  readonly number: number;
  /** What it was made from; the fingerprint of what is there. */
  readonly config: ContainerConfig;
  readonly fingerprintVersion: number;
  readonly dependsOn: readonly Dependency[];
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly status: ContainerStatus;
  /** false: its monitor was killed or the machine has rebooted; the next `start` brings a new one. */
  readonly monitored: boolean;
  /** It was made by a version whose records we do not read: which (`state 3`). It can be seen, ended and made anew. */
  readonly otherVersion?: string;
  /** What it is made of cannot be read: what has ended stays so until it is made anew. */
  readonly startable?: false;
  /** The user stopped it; restart policies leave it alone until it is started again. */
  readonly stoppedByUser: boolean;
  /** Automatic restarts since the last start by hand. */
  readonly restarts: number;
  /** It has ended, and its restart policy brings it back no more until it is started by hand. */
  readonly givenUp?: GivenUp;
  /** Hooks of its present state that nobody has run: post_start while it is alive, post_stop when it has exited. */
  readonly hooksLeft?: HooksLeft;
  /** The ports of `config` with the host port in force in the place of a range or of a free choice; absent: none is published. */
  readonly ports?: readonly PublishedPort[];
  readonly oneOff?: ObservedOneOff;
};

/** Every attempt that the policy allows was made; or it ended too often in a short time. */
export type GivenUp = 'attempts-used-up' | 'start-limit';

/**
 * Those from one on: whoever was to run them was killed or interrupted, or is about to. `failed`: the first of them was run
 * and did not succeed (of those after an end none is run again).
 */
export type HooksLeft = { readonly from: number; readonly failed: boolean };

/** A container that runs one command beside the replicas of its service. */
export type OneOff = {
  /**
   * `attached`: its command is brought in with exec by whoever made it, and lives as long as that stays.
   * `detached`: it runs the command of its own configuration by itself.
   */
  readonly mode: 'attached' | 'detached';
  /** Removed when its command is over: by whoever is attached, or else by the next command that changes something. */
  readonly remove: boolean;
};

export type ObservedOneOff = OneOff & {
  /** Its command is over, or whoever was attached was killed: the next command that changes something cleans up. */
  readonly abandoned: boolean;
};

export type ContainerStatus =
  /** `again`: it has lived before, and its next life is being set up. */
  | { readonly kind: 'created'; readonly again?: true }
  | { readonly kind: 'running'; readonly pid: number; readonly startedAtMs: number; readonly health?: Health }
  | { readonly kind: 'paused'; readonly pid: number; readonly startedAtMs: number }
  | ExitedStatus
  /** Setup failed before exec; `message` is what the user is told. */
  | {
      readonly kind: 'failed';
      readonly message: string;
      readonly exitCode: 126 | 127 | 1;
      readonly finishedAtMs: number;
    };

export type ExitedStatus = {
  readonly kind: 'exited';
  /** As a shell sees it: 128 + signal for a killed process; null when every witness was killed too. */
  readonly exitCode: number | null;
  readonly signal?: string;
  readonly oomKilled: boolean;
  /** Somebody stopped or killed it through us: whoever did sees to what follows. */
  readonly requested?: true;
  /** It ran when the machine went down: nobody knows how or when it ended. */
  readonly reboot?: true;
  readonly startedAtMs: number;
  /** Never before `startedAtMs`, and that when it is not known. */
  readonly finishedAtMs: number;
};

export type Health = 'starting' | 'healthy' | 'unhealthy';

/** What the supervisor knows of a running container's health; kept beside the container for `ps`, waits and `why`. */
export type HealthRecord = {
  readonly health: Health;
  /** Failures in a row that count. */
  readonly failingStreak: number;
  /** The last five, oldest first. */
  readonly results: readonly ProbeResult[];
};

export type ProbeResult = {
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  /** null: it did not end in time, or could not be run at all (`output` says why). */
  readonly exitCode: number | null;
  /** Its first 4096 bytes. */
  readonly output: string;
};

export type ObservedVolume = {
  readonly name: string;
  /** Key under top-level `volumes:`; empty for an anonymous volume whose container is gone (`rm` without -v). */
  readonly key: string;
};
export type ObservedNetwork = { readonly name: string; readonly network: Network };
