import * as z from 'zod';
import { command, duration, flag, key, object, port, text, texts, user, whole } from './schema-leaf.ts';

/** Where a service's root file system comes from: a path by itself, or programs of the host. */
export const rootfs = z.union([
  text,
  object({
    host: key(texts, 'Programs (by name or path) that are copied from the host with all they link to.', {
      examples: [['node', '/bin/sh']],
      required: 'here',
    }),
  }),
]);

const probeTimes = {
  interval: key(duration, 'Time from the end of a probe to the next.', { default: '10s', examples: ['2s'] }),
  timeout: key(duration, 'A probe that takes longer has not passed.', { default: '5s', examples: ['1s'] }),
  retries: key(whole(1), 'Probes in a row that do not pass before anything comes of it.', { default: 3 }),
  start_period: key(duration, 'Time after the start in which a probe that does not pass does not count.', {
    default: '0s',
    examples: ['30s'],
  }),
};

const http = object({
  port: key(port, 'Port in the container.', { required: 'here', examples: [8080] }),
  path: key(text, 'Path of the request, with its query.', { default: '/', examples: ['/healthz'] }),
  scheme: key(z.enum(['http', 'https']), 'Protocol; of https, the certificate is not checked.', { default: 'http' }),
  status: key(whole(100, 599), 'The only status that passes; without it all from 200 to 399 do.', { examples: [204] }),
});

const exec = object({
  command: key(command, 'What runs; text is split into words, no shell runs it.', {
    required: 'here',
    examples: [['redis-cli', 'ping']],
  }),
  user: key(user, 'User of the command; that of the service when left out.', { examples: ['1000:1000'] }),
});

const checks = {
  http: key(z.union([port, http]), 'Passes when a request to this port of the container is answered well.', {
    examples: [8080, { port: 8080, path: '/healthz' }],
  }),
  tcp: key(
    z.union([port, object({ port: key(port, 'Port in the container.', { required: 'here', examples: [5432] }) })]),
    'Passes when this port of the container accepts a connection.',
    { examples: [5432] },
  ),
  exec: key(z.union([text, texts, exec]), 'Passes when this command, run in the container, ends with 0.', {
    examples: [['redis-cli', 'ping']],
  }),
  notify: key(
    flag,
    'Passes when the process says so as in sd_notify(3): READY=1 for readiness, WATCHDOG=1 within every interval for liveness.',
    { examples: [true] },
  ),
};

/** Exactly one of the checks has to be there: project/resolve-probes.ts. */
const readiness = object({
  ...checks,
  log: key(
    z.union([
      text,
      object({
        pattern: key(text, 'Regular expression.', { required: 'here', examples: ['ready to accept connections'] }),
      }),
    ]),
    'Passes for good once a line of the output since the start matches this regular expression.',
    { examples: ['ready to accept connections'] },
  ),
  ...probeTimes,
});

const liveness = object({
  ...checks,
  ...probeTimes,
  action: key(z.enum(['restart', 'stop', 'none']), 'What is done when it does not pass any more.', {
    default: 'restart',
  }),
});

export const probes = object({
  readiness: key(
    readiness,
    'When the service is healthy for those that wait for it; takes the place of a health check.',
    {
      examples: [{ http: { port: 8080, path: '/healthz' }, interval: '2s' }],
    },
  ),
  liveness: key(liveness, 'Whether a service that runs still does its work, and what is done when it does not.', {
    examples: [{ tcp: 8080, action: 'restart' }],
  }),
});

/** What compose's depends_on cannot wait for. */
export const ownConditions = ['service_completed', 'service_log_line'] as const;

const postStop = object({
  command: key(command, 'What runs in a container like it, with its result in the environment.', {
    examples: [['sh', '-c', 'echo ended']],
    required: 'here',
  }),
  user: key(user, 'User of the command.', { examples: ['1000:1000'] }),
  working_dir: key(text, 'Directory the command starts in.', { examples: ['/srv/app'] }),
  environment: key(
    z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    'Further environment variables.',
    { examples: [{ STAGE: 'end' }] },
  ),
});

/** `x-tscompose` of a service. */
export const serviceExtension = object({
  rootfs: key(rootfs, 'The same as rootfs, in a place that other tools ignore.', { examples: ['./rootfs'] }),
  clock: key(
    object({
      monotonic: key(duration, 'How far CLOCK_MONOTONIC of the container is ahead.', { default: '0s' }),
      boottime: key(duration, 'How far CLOCK_BOOTTIME of the container is ahead.', { default: '0s' }),
    }),
    'A time namespace of its own: time_namespaces(7).',
    { examples: [{ monotonic: '1h', boottime: '1h' }] },
  ),
  probes: key(probes, 'Probes from outside, which also work without a shell in the root file system.', {
    examples: [{ readiness: { http: 8080 }, liveness: { tcp: 8080 } }],
  }),
  post_stop: key(z.array(postStop), 'Commands that run after every end of the container.', {
    examples: [[{ command: ['sh', '-c', 'echo ended'] }]],
  }),
  start_limit: key(
    object({
      burst: key(whole(1), 'How many ends within the interval are put up with.', { default: 5, examples: [3] }),
      interval: key(duration, 'Time within which ends are counted.', { default: '10s', examples: ['1m'] }),
    }),
    'Ends a crash loop: a service that ends more often is given up until it is started by hand.',
    { examples: [{ burst: 3, interval: '1m' }] },
  ),
  depends_on: key(
    z.record(
      z.string(),
      object({
        condition: key(z.enum(ownConditions), 'What to wait for.', { required: 'here' }),
        pattern: key(text, 'For service_log_line: the regular expression a line must match.', {
          examples: ['ready to accept connections'],
        }),
      }),
    ),
    'Conditions that compose does not have, for services named in depends_on too.',
    { examples: [{ db: { condition: 'service_log_line', pattern: 'ready to accept connections' } }] },
  ),
});
