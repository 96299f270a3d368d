import type {
  Dependency,
  DependencyCondition,
  Healthcheck,
  Hooks,
  Logging,
  RestartPolicy,
  UpdatePolicy,
  WatchRule,
} from '../model/project.ts';
import type { Bytes, GuestPath, HostPath, Millis, ServiceName } from '../model/units.ts';
import type { NormalUpdate } from '../spec/normal.ts';
import { parseBytes, parseDuration } from '../spec/units.ts';
import { hookOf } from './resolve-process.ts';
import type { Subject } from './resolving.ts';
import { placeAt } from './view.ts';

/** A duration in canonical form; `missing` when nobody wrote one. */
export const millis = (text: string | undefined, missing: number): Millis =>
  ((text === undefined || text === '' ? undefined : parseDuration(text)) ?? missing) as Millis;

const defaultLog = { maxSizeBytes: (64 * 1024 * 1024) as Bytes, maxFiles: 3 };

export function loggingOf({ service, name, view, report, trail }: Subject): Logging {
  const { driver, options = {} } = service.logging ?? {};
  trail.add('logging', 'logging');
  trail.add('logging.maxSizeBytes', 'logging', 'options', 'max-size');
  trail.add('logging.maxFiles', 'logging', 'options', 'max-file');
  if (driver === 'none') return { driver: 'none', ...defaultLog };
  const own = driver === undefined || driver === '' || driver === 'json-file' || driver === 'local';
  if (!own) return { driver: 'file', ...defaultLog };
  const wrong = (key: string, summary: string, note: string): void =>
    report.error(key === 'max-size' ? 'bad-size' : 'bad-value', {
      summary: `service "${name}": ${summary}`,
      at: placeAt(view, 'services', name, 'logging', 'options', key),
      notes: [note],
    });
  const size = options['max-size'] === undefined ? defaultLog.maxSizeBytes : parseBytes(options['max-size']);
  const unlimited = size === -1 ? (Number.MAX_SAFE_INTEGER as Bytes) : size;
  if (unlimited === undefined || unlimited <= 0)
    wrong('max-size', `"${options['max-size']}" is not the size of a log file`, 'write for example 10m');
  const files = options['max-file'] ?? String(defaultLog.maxFiles);
  if (!/^[1-9]\d{0,3}$/.test(files))
    wrong('max-file', `"${files}" is not a number of log files`, 'write a whole number from 1 up');
  return { driver: 'file', maxSizeBytes: unlimited ?? defaultLog.maxSizeBytes, maxFiles: Number(files) };
}

/** `deploy.restart_policy` wins over `restart`; a start limit holds for both. */
export function restartOf(subject: Subject): RestartPolicy {
  const { start_limit: limit } = subject.service['x-tscompose'] ?? {};
  const policy = policyOf(subject);
  if (limit === undefined) return policy;
  subject.trail.add('restart.startLimit', 'x-tscompose', 'start_limit');
  const startLimit = { ends: limit.burst ?? defaultBurst, withinMs: millis(limit.interval, defaultIntervalMs) };
  return { ...policy, startLimit };
}

/** As of systemd: so many ends within that time are put up with. */
const defaultBurst = 5;
const defaultIntervalMs = 10_000;

function policyOf({ service, trail }: Subject): RestartPolicy {
  const policy = service.deploy?.restart_policy;
  trail.add(
    'restart',
    policy === undefined ? 'restart' : 'deploy',
    ...(policy === undefined ? [] : ['restart_policy']),
  );
  if (policy !== undefined) {
    const condition = { none: 'no', 'on-failure': 'on-failure', any: 'always' } as const;
    return {
      condition: condition[policy.condition ?? 'any'],
      ...attemptsOf(policy.max_attempts),
      ...(policy.delay === undefined ? {} : { delayMs: millis(policy.delay, 0) }),
      ...(policy.window === undefined ? {} : { windowMs: millis(policy.window, 0) }),
    };
  }
  const [word = 'no', attempts] = (service.restart ?? 'no').split(':');
  const condition = (word === '' ? 'no' : word) as RestartPolicy['condition'];
  return { condition, ...attemptsOf(Number(attempts ?? 0)) };
}

/** As Docker has it, 0 is no limit. */
const attemptsOf = (most = 0): Pick<RestartPolicy, 'maxAttempts'> => (most === 0 ? {} : { maxAttempts: most });

export function healthcheckOf({ service, trail }: Subject): Healthcheck | undefined {
  const check = service.healthcheck;
  trail.add('healthcheck', 'healthcheck');
  const [first, ...rest] = check?.test ?? [];
  if (check === undefined || check.disable === true || first === undefined || first === 'NONE') return undefined;
  for (const [key, path] of healthKeys) trail.add(`healthcheck.${path}`, 'healthcheck', key);
  return {
    argv: first === 'CMD-SHELL' ? ['/bin/sh', '-c', rest.join(' ')] : rest,
    intervalMs: orDefault(millis(check.interval, 30_000), 30_000),
    timeoutMs: orDefault(millis(check.timeout, 30_000), 30_000),
    retries: check.retries === undefined || check.retries === 0 ? 3 : check.retries,
    startPeriodMs: millis(check.start_period, 0),
    startIntervalMs: orDefault(millis(check.start_interval, 5000), 5000),
  };
}

const healthKeys: readonly (readonly [string, string])[] = [
  ['test', 'argv'],
  ['interval', 'intervalMs'],
  ['timeout', 'timeoutMs'],
  ['retries', 'retries'],
  ['start_period', 'startPeriodMs'],
  ['start_interval', 'startIntervalMs'],
];

/** As in the engine, zero is the same as nothing said. */
const orDefault = (value: Millis, missing: number): Millis => (value === 0 ? (missing as Millis) : value);

export function hooksOf({ service, trail }: Subject): Hooks {
  for (const [path, key] of [
    ['preStart', 'pre_start'],
    ['postStart', 'post_start'],
    ['preStop', 'pre_stop'],
  ] as const) {
    trail.add(`hooks.${path}`, key);
    service[key]?.forEach((_, i) => {
      trail.add(`hooks.${path}.${i}`, key, i);
    });
  }
  trail.add('hooks.postStop', 'x-tscompose', 'post_stop');
  return {
    preStart: (service.pre_start ?? []).map(hookOf),
    postStart: (service.post_start ?? []).map(hookOf),
    preStop: (service.pre_stop ?? []).map(hookOf),
    postStop: (service['x-tscompose']?.post_stop ?? []).map(hookOf),
  };
}

export function updateOf({ service }: Subject): UpdatePolicy | undefined {
  const { update_config: update, rollback_config: back } = service.deploy ?? {};
  if (update === undefined) return undefined;
  return { ...rolloutOf(update), ...(back && { rollback: rolloutOf(back) }) };
}

function rolloutOf(update: NormalUpdate): UpdatePolicy {
  const action = update.failure_action;
  return {
    order: update.order ?? 'stop-first',
    parallelism: update.parallelism ?? 1,
    delayMs: millis(update.delay, 0),
    monitorMs: millis(update.monitor, 0),
    failureAction: action === 'continue' || action === 'rollback' ? action : 'pause',
  };
}

/** `depends_on`, with the conditions that only `x-tscompose` has. */
export function dependenciesOf({ service, name, view, report, trail }: Subject): readonly Dependency[] {
  const ours = service['x-tscompose']?.depends_on ?? {};
  const known = view.stack.services ?? {};
  const all = { ...service.depends_on };
  for (const key of Object.keys(ours)) all[key] ??= { condition: 'service_started', required: true };
  return Object.entries(all)
    .filter(([target]) => Object.hasOwn(known, target))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([target, dependency]): Dependency => {
      const own = ours[target];
      if (own?.condition === 'service_log_line') checkPattern(own.pattern);
      trail.add(`depends_on.${target}`, 'depends_on', target, 'condition');
      return {
        service: target as ServiceName,
        condition: (own?.condition ?? dependency.condition ?? 'service_started') as DependencyCondition,
        ...(own?.pattern === undefined ? {} : { pattern: own.pattern }),
        restart: dependency.restart ?? false,
        required: dependency.required,
      };
      function checkPattern(pattern: string | undefined): void {
        const wrong = pattern === undefined ? 'is missing' : invalidPattern(pattern);
        if (wrong === undefined) return;
        report.error('bad-value', {
          summary: `service "${name}": the pattern to wait for in the output of "${target}" ${wrong}`,
          at: placeAt(view, 'services', name, 'x-tscompose', 'depends_on', target),
          notes: ['pattern: a regular expression, for example "ready to accept connections"'],
        });
      }
    });
}

/** Why a regular expression cannot be used. */
export function invalidPattern(pattern: string): string | undefined {
  try {
    new RegExp(pattern);
    return undefined;
  } catch (error) {
    return `cannot be used: ${(error as Error).message.toLowerCase()}`;
  }
}

const isInside = (path: string, directory: string): boolean =>
  `${path}/`.startsWith(directory.endsWith('/') ? directory : `${directory}/`);

export function watchOf({ service }: Subject): readonly WatchRule[] | undefined {
  const build = service.build as { readonly context?: string } | undefined;
  const context = build?.context?.startsWith('/') ? (build.context as HostPath) : undefined;
  return service.develop?.watch?.map((rule) => ({
    ...(context !== undefined && isInside(rule.path ?? '', context) && { context }),
    path: rule.path as HostPath,
    action: rule.action as WatchRule['action'],
    ...(rule.target === undefined ? {} : { target: rule.target as GuestPath }),
    ignore: rule.ignore ?? [],
    include: rule.include ?? [],
    ...(rule.exec === undefined ? {} : { exec: hookOf(rule.exec) }),
    initialSync: rule.initial_sync ?? false,
  }));
}
