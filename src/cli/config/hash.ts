import { createHash } from 'node:crypto';
import type { ContainerConfig } from '../../model/project.ts';
import { canonical, fingerprintVersion } from '../../project/fingerprint.ts';

/** SHA-256 in hex of everything that makes a container of this service what it is. */
export const containerHash = (config: ContainerConfig): string =>
  createHash('sha256')
    .update(`${fingerprintVersion} ${canonical(config)}`)
    .digest('hex');
