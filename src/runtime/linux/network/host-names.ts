import { hexOfText } from '../../../util/hash.ts';
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

/**
 * Projects of one name below different roots (TSCOMPOSE_ROOT) are different projects, and have different names here.
 */
export function hostNames(run: string, project: string): HostNames {
  const whole = run === machineRun ? project : `${run}/${project}`;
  return {
    link: `tsc${hexOfText(whole)}`,
    table: `tscompose-${project}${run === machineRun ? '' : `-${hexOfText(run)}`}`,
    seed: `uplink/${whole}`,
  };
}
