import type { ContainerConfig } from '../model/project.ts';
import type { ProbeResult } from '../model/state.ts';
import { unreachable } from '../util/assert.ts';
import type { FailedStep } from './render/failure.ts';

/** What the evidence around a failure suggests where the failure itself brings no remedy. */
export function remedyOf({ failure, desired, lastLines = [], lastProbe }: FailedStep): string | undefined {
  if (failure.notes.length > 0 || desired === undefined) return undefined;
  if (failure.code === 'unhealthy' && lastProbe !== undefined) {
    return probeRemedy(lastProbe, { config: desired.config, service: desired.service });
  }
  if (failure.code !== 'dependency-failed') return undefined;
  const { service } = desired;
  return lastLines.length > 0
    ? `its last output should tell; all of it: tscompose logs ${service}`
    : `it has written nothing; look around in it: tscompose run --rm --entrypoint sh ${service}`;
}

type Probed = { readonly config: ContainerConfig; readonly service: string };

function probeRemedy({ exitCode, output }: ProbeResult, { config, service }: Probed): string {
  const { healthcheck, probes } = config;
  const check = probes?.readiness?.check ?? { kind: 'exec' as const, argv: healthcheck?.argv ?? [] };
  const key = probes?.readiness === undefined ? 'healthcheck' : 'x-tscompose.probes.readiness';
  if (exitCode === null && output === '') return `raise ${key}.timeout, or make what it asks answer sooner`;
  switch (check.kind) {
    case 'tcp':
    case 'http':
      return output.includes('nobody listens')
        ? `let ${service} listen on port ${check.port}, give the probe another port, or raise its start_period`
        : `mend what ${service} answers on port ${check.port}, or raise ${key}.start_period if it only needs longer`;
    case 'exec':
      if (exitCode === 127)
        return 'a program of the check is not in the container: add it, or ask with a probe over tcp';
      return `try it by hand: tscompose exec ${service} ${check.argv.map(quoted).join(' ')}`;
    case 'log':
    case 'notify':
      return `raise ${key}.start_period if it only needs longer`;
    default:
      return unreachable(check);
  }
}

/** As a shell wants it. */
const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
