import type { ContainerStatus } from '../../model/state.ts';
import { errnoSentence, forkText, whyNoProcess, whyNotRun } from './errno.ts';
import { opKind } from './protocol.ts';
import type { ShimState } from './records.ts';

/** A container whose setup was refused, from what its monitor wrote down. */
export function failedStatus(state: ShimState): ContainerStatus {
  const { failKind, failError, failText, finishedMs: finishedAtMs } = state;
  if (failKind === opKind.EXEC) {
    const program = failText.replace(/ \(interpreter .*\)$/, '');
    const { code, message } = whyNotRun(program, failError, failText);
    // As a shell has it: 127 when it is not there, 126 when it cannot be run.
    return { kind: 'failed', message, exitCode: code === 'command-not-found' ? 127 : 126, finishedAtMs };
  }
  const what = failText === '' ? kindName(failKind) : failText;
  const message =
    failText === forkText ? whyNoProcess(failError) : `cannot set up ${what}: ${errnoSentence(failError)}`;
  return { kind: 'failed', message, exitCode: 1, finishedAtMs };
}

function kindName(kind: number): string {
  for (const [name, value] of Object.entries(opKind))
    if (value === kind) return name.toLowerCase().replaceAll('_', ' ');
  return `op ${kind}`;
}
