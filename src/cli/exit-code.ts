import type { FailureCode } from '../model/event.ts';

/** What the exit codes of tscompose mean; `exec` and `run` pass the code of their command on. */
export const exitCodes = [
  { code: 0, meaning: 'done, or stopped gracefully' },
  { code: 1, meaning: 'something could not be done' },
  { code: 2, meaning: 'the command line makes no sense' },
  { code: 3, meaning: 'the stack file is wrong' },
  { code: 4, meaning: 'this host lacks something that is needed' },
  { code: 5, meaning: 'a timeout passed, or a service is unhealthy' },
  { code: 130, meaning: 'interrupted before it was done (143: by SIGTERM, 129: by SIGHUP)' },
] as const;

export const exitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  invalidFile: 3,
  hostLacks: 4,
  timeout: 5,
  interrupted: 130,
  terminated: 143,
} as const;

/** The exit code that fits what the machine refused. */
export function exitCodeOf(failure: FailureCode): number {
  switch (failure) {
    case 'host-feature-missing':
    case 'not-root':
      return exitCode.hostLacks;
    case 'timeout':
    case 'unhealthy':
      return exitCode.timeout;
    case 'interrupted':
      return exitCode.interrupted;
    default:
      return exitCode.failed;
  }
}
