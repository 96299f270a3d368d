import type { RuntimeFailure } from '../../model/event.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { InternalError } from '../../util/assert.ts';
import type { Result } from '../../util/result.ts';
import type { HostEnvironment } from './options.ts';

export type ExecRequest = {
  readonly argv: readonly string[];
  /** On top of the container's own environment. */
  readonly environment: { readonly [name: string]: string };
  /** `uid[:gid]` or names; absent: the user the container runs as. */
  readonly user?: string;
  /** A guest path; absent: the container's. */
  readonly workingDir?: string;
  /** Allocate a terminal inside the container and relay ours to it. */
  readonly tty: boolean;
  readonly privileged?: boolean;
  /** What becomes of its stdio; absent: ours is inherited. */
  readonly stdio?: 'inherit' | 'capture';
  readonly host?: HostEnvironment;
  readonly signal?: AbortSignal;
};

/** `output` only with `stdio: 'capture'`: stdout and stderr together, the last 64 KiB of it. */
export type ExecOutcome = { readonly exitCode: number; readonly output: Buffer };

/** One more process in a running container. Ends when the command ends; `exitCode` is as a shell sees it. */
export function execInContainer(
  _project: ProjectName,
  _container: ContainerName,
  _request: ExecRequest,
): Promise<Result<ExecOutcome, RuntimeFailure>> {
  throw new InternalError('not built yet');
}
