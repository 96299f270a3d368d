import { existsSync, writeFileSync } from 'node:fs';
import type { ContainerName } from '../../../model/units.ts';
import { containerPaths, type ProjectPaths } from '../paths.ts';
import { hostsText } from './names.ts';
import type { NetworkRecord } from './record.ts';

/**
 * Brings /etc/hosts of `stale` containers up to date. Those remain that are not there yet; their monitors are about to write
 * what was known when they were planned.
 */
export function writeHosts(at: ProjectPaths, record: NetworkRecord, stale: Set<string>): void {
  for (const endpoint of record.endpoints) {
    const path = `${containerPaths(at, endpoint.container as ContainerName).files}/hosts`;
    if (!stale.has(endpoint.container) || !existsSync(path)) continue;
    // In place: the file is bound into a running container, which would go on seeing a file that was renamed over.
    writeFileSync(path, hostsText(record, endpoint));
    stale.delete(endpoint.container);
  }
}
