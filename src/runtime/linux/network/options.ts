import type { ContainerName, ProjectName } from '../../../model/units.ts';
import type { Paths, ProjectPaths } from '../paths.ts';
import type { UdpFlows } from './net-table.ts';

export type Held = { readonly container: ContainerName; readonly monitorPid: number };

/** What of a project is there: containers that live, all that are known, and the names of networks that were made. */
export type Found = {
  readonly living: readonly Held[];
  readonly known: ReadonlySet<string>;
  readonly networks: ReadonlySet<string>;
};

export type NetworkingOptions = {
  readonly paths: Paths;
  readonly at: ProjectPaths;
  readonly project: ProjectName;
  /** The tsc-net program. */
  readonly program: string;
  /** Absent: the usual time-outs. */
  readonly flows?: UdpFlows;
};
