import type { LivenessProbe, Probe, ProbeCheck, Probes } from '../model/project.ts';
import type { NormalProbe } from '../spec/normal.ts';
import { invalidPattern, millis } from './resolve-policy.ts';
import type { Subject } from './resolving.ts';
import { keyAt, placeAt } from './view.ts';

type Which = keyof Probes;

/** `x-tscompose.probes`; nothing of a probe that has a mistake in it. */
export function probesOf(subject: Subject): Probes | undefined {
  const written = subject.service['x-tscompose']?.probes;
  const readiness = probeOf('readiness', written?.readiness, subject);
  const live = probeOf('liveness', written?.liveness, subject);
  const liveness: LivenessProbe | undefined =
    live === undefined ? undefined : { ...live, action: written?.liveness?.action ?? 'restart' };
  if (readiness === undefined && liveness === undefined) return undefined;
  return {
    ...(readiness === undefined ? {} : { readiness }),
    ...(liveness === undefined ? {} : { liveness }),
  };
}

function probeOf(which: Which, probe: NormalProbe | undefined, subject: Subject): Probe | undefined {
  if (probe === undefined) return undefined;
  const path = ['x-tscompose', 'probes', which];
  subject.trail.add(`probes.${which}`, ...path);
  for (const key of ['action', 'retries']) subject.trail.add(`probes.${which}.${key}`, ...path, key);
  for (const [key, field] of times) subject.trail.add(`probes.${which}.${field}`, ...path, key);
  const check = checkOf(which, probe, subject);
  if (check === undefined) return undefined;
  subject.trail.add(`probes.${which}.check`, ...path, check.kind);
  return {
    check,
    intervalMs: millis(probe.interval, 10_000),
    timeoutMs: millis(probe.timeout, 5_000),
    retries: probe.retries ?? 3,
    startPeriodMs: millis(probe.start_period, 0),
  };
}

const times: readonly (readonly [string, string])[] = [
  ['interval', 'intervalMs'],
  ['timeout', 'timeoutMs'],
  ['start_period', 'startPeriodMs'],
];

const kinds = ['http', 'tcp', 'exec', 'log', 'notify'] as const;

function checkOf(which: Which, probe: NormalProbe, subject: Subject): ProbeCheck | undefined {
  const { name, view, report } = subject;
  const at = ['services', name, 'x-tscompose', 'probes', which];
  const given = kinds.filter((kind) => probe[kind] !== undefined && probe[kind] !== false);
  const [kind, second] = given;
  if (kind === undefined) {
    if (subject.broken.has(`services.${name}`)) return undefined;
    report.error('missing-key', {
      summary: `service "${name}": the ${which} probe does not say what it looks at`,
      at: keyAt(view, ...at),
      notes: [
        `write one of ${which === 'liveness' ? 'http, tcp, exec and notify' : 'http, tcp, exec, log and notify'}`,
      ],
    });
    return undefined;
  }
  if (second !== undefined) {
    report.error('conflict', {
      summary: `service "${name}": the ${which} probe has both "${kind}" and "${second}"`,
      at: keyAt(view, ...at, second),
      notes: ['keep one of them; "!override" before the probe replaces what an earlier file says of it'],
    });
    return undefined;
  }
  return made(probe, { subject, at });
}

function made(
  { http, tcp, exec, log }: NormalProbe,
  { subject: { name, view, report }, at }: { readonly subject: Subject; readonly at: readonly string[] },
): ProbeCheck | undefined {
  const wrong = (summary: string, place: readonly string[], note: string): void =>
    report.error('bad-value', {
      summary: `service "${name}": ${summary}`,
      at: placeAt(view, ...at, ...place),
      notes: [note],
    });
  if (http !== undefined) {
    const { port, path = '/', scheme = 'http', status } = http;
    if (!/^\/[\x21-\x7e]*$/.test(path))
      wrong(`"${path}" is not the path of a request`, ['http', 'path'], 'it begins with "/" and has no blanks');
    return { kind: 'http', scheme, port, path, ...(status === undefined ? {} : { status }) };
  }
  if (tcp !== undefined) return { kind: 'tcp', port: tcp.port };
  if (exec !== undefined) {
    const argv = exec.command ?? [];
    if (argv.length === 0 || argv[0] === '')
      wrong('the probe has no command', ['exec'], 'write ["program", "argument"]');
    return { kind: 'exec', argv, ...(exec.user ? { user: exec.user } : {}) };
  }
  if (log !== undefined) {
    const why = invalidPattern(log.pattern);
    if (why !== undefined)
      wrong(`the pattern to look for in the output ${why}`, ['log'], 'log: a regular expression, for example "ready"');
    return why === undefined ? { kind: 'log', pattern: log.pattern } : undefined;
  }
  return { kind: 'notify' };
}
