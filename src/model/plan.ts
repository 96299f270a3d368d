import type { Dependency, Hook, Network, Volume } from './project.ts';
import type { Origin } from './source.ts';
import type { DesiredContainer, ObservedContainer, OneOff } from './state.ts';
import type { ContainerName, Millis, SignalName } from './units.ts';

/** A directed acyclic graph of steps; deterministic, printable, executed without further decisions. */
export type Plan = { readonly steps: readonly Step[] };

export type Step = {
  /** Stable and readable: `create shop-web-1`; unique in the plan. */
  readonly id: string;
  readonly action: Action;
  readonly cause: Cause;
  readonly origin?: Origin;
  /** Ids of the steps that must have succeeded before. */
  readonly after: readonly string[];
};

export type Action =
  | { readonly kind: 'create-volume'; readonly volume: Volume }
  | { readonly kind: 'remove-volume'; readonly name: string }
  | { readonly kind: 'create-network'; readonly network: Network }
  | { readonly kind: 'remove-network'; readonly network: Network }
  | {
      readonly kind: 'create';
      readonly container: DesiredContainer;
      /** The container it takes the place of: anonymous volumes and addresses are inherited from it. */
      readonly replaces?: ContainerName;
      /** It is no replica of its service. */
      readonly oneOff?: OneOff;
    }
  | {
      readonly kind: 'start';
      readonly container: ContainerName;
      /** A restart by policy: counted, and the container's memory of having been stopped by hand is left as it is. */
      readonly automatic?: true;
    }
  | {
      readonly kind: 'stop';
      readonly container: ContainerName;
      readonly signal: SignalName;
      readonly graceMs: Millis;
      /** The user wants it stopped: restart policies leave it alone until it is started by hand. */
      readonly byUser?: true;
    }
  | {
      /** One signal, now, without grace and without waiting for an end. */
      readonly kind: 'kill';
      readonly container: ContainerName;
      readonly signal: SignalName;
      /** As with `stop`; only for signals that are meant to end it. */
      readonly byUser?: true;
    }
  | { readonly kind: 'pause'; readonly container: ContainerName }
  | { readonly kind: 'unpause'; readonly container: ContainerName }
  | {
      readonly kind: 'remove';
      readonly container: ContainerName;
      /** Its anonymous volumes go too. */
      readonly volumes: boolean;
    }
  | {
      /**
       * Until the dependency's condition holds for this container (one of the dependency's service). Fails when it can no
       * longer hold; if the dependency is not `required`, that is a warning and the plan goes on.
       */
      readonly kind: 'wait';
      readonly container: ContainerName;
      readonly dependency: Dependency;
      /** Having ended with 0, with no restart to come, is as good; any other end is the end of the wait. */
      readonly orCompleted?: true;
    }
  | {
      /**
       * After an update: until the container is ready (as `orCompleted` waits), and then stays so for this long. Fails when it
       * ends badly, starts anew, or becomes unhealthy meanwhile; if it is not `required`, that is a warning.
       */
      readonly kind: 'prove';
      readonly container: ContainerName;
      readonly forMs: Millis;
      readonly required: boolean;
    }
  | {
      /**
       * `post-start` and `pre-stop` run inside the running container; `pre-start` and `post-stop` in one of their own with
       * the same rootfs, mounts and networks.
       */
      readonly kind: 'hook';
      readonly container: ContainerName;
      readonly when: HookTime;
      readonly hook: Hook;
      /** What it was for is over: that it fails is a warning, and the plan goes on. */
      readonly optional?: true;
      /** It is ended then, and a stop that waits for it goes on. Absent: it takes the time it takes. */
      readonly withinMs?: Millis;
    };

export type HookTime = 'pre-start' | 'post-start' | 'pre-stop' | 'post-stop';

export type ActionKind = Action['kind'];
export type ActionOf<K extends ActionKind> = Extract<Action, { kind: K }>;

export type Cause =
  | { readonly kind: 'missing' }
  | { readonly kind: 'changed'; readonly changes: readonly Change[] }
  | { readonly kind: 'not-running'; readonly status: ObservedContainer['status']['kind'] }
  | { readonly kind: 'forced' }
  /** As `otherVersion` of an observed container. */
  | { readonly kind: 'other-version'; readonly version: string }
  | { readonly kind: 'scaled-down' }
  | { readonly kind: 'orphan' }
  | { readonly kind: 'removed-from-file' }
  | { readonly kind: 'requested' }
  | { readonly kind: 'dependency'; readonly of: ContainerName }
  | { readonly kind: 'dependency-recreated'; readonly dependency: string }
  | { readonly kind: 'dependency-restarted'; readonly dependency: string }
  | { readonly kind: 'recreating'; readonly container: ContainerName }
  /** Its restart policy: the code it ended with (null: unknown), and which automatic restart in a row this is. */
  | { readonly kind: 'restart-policy'; readonly exitCode: number | null; readonly attempt: number }
  /** It runs, and not all of its post_start hooks have been run, or one has failed. */
  | { readonly kind: 'start-unfinished' }
  | { readonly kind: 'unhealthy' }
  /** An `up` in the foreground is over because of the end of `container`, or because it was interrupted. */
  | { readonly kind: 'ended'; readonly container: ContainerName }
  | { readonly kind: 'interrupted' };

/** One field of a `ContainerConfig` that differs: its path, both values as text (undefined: absent), and where the new one is written. */
export type Change = {
  readonly path: string;
  readonly from?: string;
  readonly to?: string;
  readonly origin?: Origin;
};
