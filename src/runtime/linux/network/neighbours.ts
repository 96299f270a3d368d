import { readdirSync } from 'node:fs';
import type { ProjectName } from '../../../model/units.ts';
import { type Paths, projectPaths } from '../paths.ts';
import { type Cidr, parseCidr } from './addresses.ts';
import { type NetworkRecord, networkPaths, readNetworkRecord } from './record.ts';
import { hasRouter } from './router.ts';

/** A project of this machine that has networks, running or not. */
export type Neighbour = { readonly project: ProjectName; readonly record: NetworkRecord; readonly pin: string };

/** The other projects of this machine. */
export function neighbours(paths: Paths, own: ProjectName): Neighbour[] {
  return projectNames(paths)
    .filter((project) => project !== own)
    .map((project) => {
      const { record, router } = networkPaths(projectPaths(paths, project));
      return { project, record: readNetworkRecord(record), pin: router };
    })
    .filter(({ record }) => record.networks.length > 0);
}

/** Whether its router is there. */
export const isUp = ({ pin }: Neighbour): boolean => hasRouter(pin);

/** Subnets that other projects have. */
export function subnetsOfOthers(paths: Paths, own: ProjectName): Cidr[] {
  return neighbours(paths, own).flatMap(({ record }) =>
    [...record.networks.flatMap(({ subnets }) => subnets.map(({ cidr }) => cidr)), record.uplink ?? ''].flatMap(
      (text) => parseCidr(text) ?? [],
    ),
  );
}

function projectNames(paths: Paths): ProjectName[] {
  try {
    return readdirSync(`${paths.lib}/projects`).sort() as ProjectName[];
  } catch {
    return [];
  }
}
