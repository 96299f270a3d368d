import type { RuntimeFailure } from '../../model/event.ts';
import type { DesiredContainer } from '../../model/state.ts';
import type { ProjectName } from '../../model/units.ts';
import { InternalError } from '../../util/assert.ts';
import type { Result } from '../../util/result.ts';
import type { HostEnvironment } from './options.ts';

/** The setup program of a container as text, one op a line, without touching the machine (`plan --setup SERVICE`). */
export function describeContainer(
  _project: ProjectName,
  _container: DesiredContainer,
  _host: HostEnvironment,
): Promise<Result<string, RuntimeFailure>> {
  throw new InternalError('not built yet');
}
