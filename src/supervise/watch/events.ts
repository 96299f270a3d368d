import type { ContainerStatus } from '../../model/state.ts';
import type { ContainerName, HostPath, ServiceName } from '../../model/units.ts';
import type { SyncItem } from './batch.ts';

/** What watch mode did, and which files made it. Spans are milliseconds, from the first change that was heard of. */
export type WatchEvent =
  | {
      readonly kind: 'watching';
      readonly services: readonly ServiceName[];
      /** How many directories of the host are watched. */
      readonly directories: number;
    }
  | {
      readonly kind: 'synced';
      readonly service: ServiceName;
      readonly items: readonly SyncItem[];
      readonly tookMs: number;
      /** Not asked for by a change: the container is new, and has not got what the others have. */
      readonly newcomer?: ContainerName;
    }
  | {
      readonly kind: 'restarted' | 'rebuilt';
      readonly services: readonly ServiceName[];
      readonly causes: readonly HostPath[];
      readonly tookMs: number;
    }
  | {
      readonly kind: 'executed';
      readonly container: ContainerName;
      readonly argv: readonly string[];
      readonly exitCode: number;
      /** The last lines it wrote. */
      readonly output: readonly string[];
      readonly causes: readonly HostPath[];
      readonly tookMs: number;
    }
  /** What a change asks for cannot be done. */
  | {
      readonly kind: 'refused';
      readonly service: ServiceName;
      readonly message: string;
      readonly hint?: string;
      readonly causes: readonly HostPath[];
    }
  | {
      readonly kind: 'ended';
      readonly container: ContainerName;
      readonly status: ContainerStatus;
      readonly lastLines: readonly string[];
    }
  | { readonly kind: 'reloading'; readonly files: readonly string[] }
  | { readonly kind: 'reloaded'; readonly outcome: ReloadOutcome; readonly tookMs: number }
  | { readonly kind: 'warning'; readonly message: string; readonly hint?: string };

/**
 * `applied`: the machine is what the file says now. `same`: nothing differs. `invalid`: what runs is kept. `failed`: some
 * of it could not be done. `renamed`: it is the file of another project now, which is not ours to touch.
 */
export type ReloadOutcome = 'applied' | 'same' | 'invalid' | 'failed' | 'renamed';
