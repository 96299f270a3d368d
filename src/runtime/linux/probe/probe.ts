import type { ProbeResult } from '../../../model/state.ts';
import type { ProjectName } from '../../../model/units.ts';
import { unreachable } from '../../../util/assert.ts';
import type { ProbeRequest } from '../../runtime.ts';
import { callAfter } from '../../timer.ts';
import { execInContainer } from '../exec.ts';
import type { HostEnvironment } from '../options.ts';
import type { Answer } from './answer.ts';

type Looking = { readonly host: HostEnvironment; readonly signal: AbortSignal };

/** Docker's measure: what is longer says nothing more. */
const outputKept = 4096;

export async function probeContainer(
  project: ProjectName,
  request: ProbeRequest,
  { host, signal }: Looking,
): Promise<ProbeResult> {
  const startedAtMs = Date.now();
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const stopWaiting = callAfter(request.timeoutMs, () => over.abort());
  try {
    const { exitCode, output } = await look(project, request, { host, signal: either });
    const inTime = !over.signal.aborted;
    return { startedAtMs, finishedAtMs: Date.now(), exitCode: inTime ? exitCode : null, output };
  } finally {
    stopWaiting();
  }
}

async function look(project: ProjectName, request: ProbeRequest, looking: Looking): Promise<Answer> {
  const { check } = request;
  switch (check.kind) {
    case 'exec':
      return run(project, request, { ...looking, argv: check.argv, user: check.user });
    case 'tcp': {
      const { probeTcp } = await import('./dial.ts');
      return probeTcp(project, { ...request, check }, looking);
    }
    case 'http': {
      const { probeHttp } = await import('./http.ts');
      return probeHttp(project, { ...request, check }, looking);
    }
    case 'log': {
      const { probeLog } = await import('./log.ts');
      return probeLog(project, { ...request, check }, looking);
    }
    case 'notify': {
      const { probeNotify } = await import('./notify.ts');
      return probeNotify(project, request, looking);
    }
    default:
      return unreachable(check);
  }
}

type Command = Looking & { readonly argv: readonly string[]; readonly user: string | undefined };

async function run(
  project: ProjectName,
  { container, purpose }: ProbeRequest,
  { argv, user, host, signal }: Command,
): Promise<Answer> {
  const ran = await execInContainer(project, container, {
    argv,
    environment: {},
    tty: false,
    stdio: 'capture',
    group: `probe.${purpose}`,
    leftovers: 'end',
    ...(user === undefined ? {} : { user }),
    host,
    signal,
  });
  if (!ran.ok) return { exitCode: null, output: signal.aborted ? '' : ran.error.message };
  return { exitCode: ran.value.exitCode, output: ran.value.output.subarray(0, outputKept).toString() };
}
