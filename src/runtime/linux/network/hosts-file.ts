import { existsSync, writeFileSync } from 'node:fs';
import type { ContainerName } from '../../../model/units.ts';
import { containerPaths, type ProjectPaths } from '../paths.ts';
import { hostsText } from './names.ts';
import type { NetworkRecord } from './record.ts';

/**
 * Brings /etc/hosts of all containers up to date. False: some are not there yet; their monitors are about to write what was
 * known when they were planned.
 */
export function writeHosts(at: ProjectPaths, record: NetworkRecord): boolean {
  let complete = true;
  for (const endpoint of record.endpoints) {
    const path = `${containerPaths(at, endpoint.container as ContainerName).files}/hosts`;
    // In place: the file is bound into a running container, which would go on seeing a file that was renamed over.
    if (existsSync(path)) writeFileSync(path, hostsText(record, endpoint));
    else complete = false;
  }
  return complete;
}
