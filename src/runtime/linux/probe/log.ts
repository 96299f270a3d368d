import type { ProbeCheck } from '../../../model/project.ts';
import type { ProjectName } from '../../../model/units.ts';
import type { ProbeRequest } from '../../runtime.ts';
import { openLogs } from '../logs.ts';
import type { HostEnvironment } from '../options.ts';
import { containerPaths, hostPaths, projectPaths } from '../paths.ts';
import { readState } from '../state-dir.ts';
import type { Answer } from './answer.ts';

type LogCheck = Extract<ProbeCheck, { kind: 'log' }>;

/** Longer lines are searched in pieces. */
const longestLine = 65_536;

/** Good as soon as a line written in this life matches, be it one that comes while we look. */
export async function probeLog(
  project: ProjectName,
  { container, check }: ProbeRequest & { readonly check: LogCheck },
  { host, signal }: { readonly host: HostEnvironment; readonly signal: AbortSignal },
): Promise<Answer> {
  const sinceMs =
    readState(containerPaths(projectPaths(hostPaths(host), project), container).stateRecord)?.startedMs ?? 0;
  const pattern = new RegExp(check.pattern);
  const rests = new Map<string, string>();
  for await (const { stream, bytes } of openLogs(project, [container], { follow: true, sinceMs, signal, host })) {
    const lines = ((rests.get(stream) ?? '') + bytes.toString()).split('\n');
    const line = lines.find((each) => pattern.test(each));
    if (line !== undefined) return { exitCode: 0, output: line.slice(0, 4096) };
    rests.set(stream, (lines.at(-1) ?? '').slice(-longestLine));
  }
  return { exitCode: 1, output: `no line matches /${check.pattern}/ yet` };
}
