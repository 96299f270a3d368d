import type { ContainerConfig } from './project.ts';

/** Whether somebody looks how it is, so that it can become healthy. */
export const hasHealth = ({ healthcheck, probes }: ContainerConfig): boolean =>
  healthcheck !== undefined || probes?.readiness !== undefined;
