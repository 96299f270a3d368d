import type { ContainerStatus } from '../../model/state.ts';
import { errnoName, errnoSentence } from './errno.ts';
import { opKind } from './protocol.ts';
import type { ShimState } from './records.ts';

/** A container whose setup was refused, from what its monitor wrote down. */
export function failedStatus(state: ShimState): ContainerStatus {
  const { failKind, failError, failText, finishedMs } = state;
  const error = errnoName(failError);
  const exec = failKind === opKind.EXEC;
  const what = failText === '' ? kindName(failKind) : failText;
  const message = exec
    ? `cannot run ${what}: ${errnoSentence(failError)}`
    : `cannot set up ${what}: ${errnoSentence(failError)}`;
  return { kind: 'failed', message, exitCode: exec ? execExitCode(error) : 1, finishedAtMs: finishedMs };
}

/** As a shell has it: 127 when it is not there, 126 when it cannot be run. */
const execExitCode = (error: string): 126 | 127 => (error === 'ENOENT' || error === 'ENOTDIR' ? 127 : 126);

function kindName(kind: number): string {
  for (const [name, value] of Object.entries(opKind))
    if (value === kind) return name.toLowerCase().replaceAll('_', ' ');
  return `op ${kind}`;
}
