import { createHash } from 'node:crypto';
import { machineRun } from './host-lock.ts';

/** How what a project has in the host's own network namespace is called. */
export type HostNames = {
  /** The host's end of the uplink. */
  readonly link: string;
  /** The nft table. */
  readonly table: string;
  /** Of the uplink's IPv6 subnet. */
  readonly seed: string;
};

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8);

/**
 * Projects of one name below different roots (TSCOMPOSE_ROOT) are different projects, and have different names here. Made
 * when asked for: a command without networks does not load the hash.
 */
export function hostNames(run: string, project: string): HostNames {
  const whole = run === machineRun ? project : `${run}/${project}`;
  return {
    get link() {
      return `tsc${digest(whole)}`;
    },
    get table() {
      return `tscompose-${project}${run === machineRun ? '' : `-${digest(run)}`}`;
    },
    seed: `uplink/${whole}`,
  };
}
