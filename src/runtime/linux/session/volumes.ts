import type { ContainerConfig } from '../../../model/project.ts';
import { ok } from '../../../util/result.ts';
import type { ContainerRecord } from '../state-dir.ts';
import type { SessionContext } from './context.ts';

export { listVolumes } from '../volume-list.ts';
export const createVolume = (_c: SessionContext, _a: unknown) => ok(undefined);
export const removeVolume = (_c: SessionContext, _a: unknown) => ok(undefined);
export const removeAnonymousVolumes = async (_c: SessionContext, _a: string) => ok(undefined);
export type MountedVolumes = {
  readonly directories: readonly (readonly [number, string])[];
  readonly anonymous: readonly (readonly [number, string])[];
};
type Wanted = { config: ContainerConfig; name: string; lowers: readonly string[]; former: ContainerRecord | undefined };
export const mountedVolumes = async (_c: SessionContext, _w: Wanted) =>
  ok({ directories: [] as [number, string][], anonymous: [] as [number, string][] });
