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
  interval: key(duration, 'Time between two probes.', { default: '10s' }),
  timeout: key(duration, 'A probe that takes longer has not passed.', { default: '5s' }),
  retries: key(whole(1), 'Probes in a row that must agree.', { default: 3 }),
  start_period: key(duration, 'Time after the start in which a probe that does not pass does not count.', {
    default: '0s',
  }),
};

const probeKeys = {
  http: key(
    object({
      port: key(port, 'Port in the container.', { required: 'here' }),
      path: key(text, 'Path of the request.', { default: '/' }),
      scheme: key(z.enum(['http', 'https']), 'Protocol.', { default: 'http' }),
      status: key(whole(100, 599), 'The status that passes; any from 200 to 399 when left out.'),
    }),
    'Passes when an HTTP request is answered well.',
  ),
  tcp: key(
    object({ port: key(port, 'Port in the container.', { required: 'here' }) }),
    'Passes when a connection is accepted.',
  ),
  exec: key(
    object({
      command: key(command, 'What runs.', { required: 'here' }),
      user: key(user, 'User of the command.'),
    }),
    'Passes when a command in the container ends with 0.',
  ),
  log: key(
    object({ pattern: key(text, 'Regular expression that a line of the output must match.', { required: 'here' }) }),
    'Passes once a line of the output matches.',
  ),
  notify: key(flag, 'Passes when the process says READY=1 as in sd_notify(3).'),
  ...probeTimes,
};

const probe = object(probeKeys);

const liveness = object({
  ...probeKeys,
  action: key(z.enum(['restart', 'stop', 'none']), 'What happens when it does not pass.', { default: 'restart' }),
});

export const probes = object({
  readiness: key(probe, 'When the service counts as healthy for those that depend on it.'),
  liveness: key(liveness, 'Whether the running service still does its work.'),
});

const postStop = object({
  command: key(command, 'What runs on the host side of the container, with its result in the environment.', {
    required: 'here',
  }),
  user: key(user, 'User of the command.'),
  working_dir: key(text, 'Directory the command starts in.'),
  environment: key(
    z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    'Further environment variables.',
  ),
});

/** `x-tscompose` of a service. */
export const serviceExtension = object({
  rootfs: key(rootfs, 'The same as rootfs, in a place that other tools ignore.'),
  clock: key(
    object({
      monotonic: key(duration, 'How far CLOCK_MONOTONIC of the container is ahead.', { default: '0s' }),
      boottime: key(duration, 'How far CLOCK_BOOTTIME of the container is ahead.', { default: '0s' }),
    }),
    'A time namespace of its own: time_namespaces(7).',
    { examples: [{ monotonic: '1h', boottime: '1h' }] },
  ),
  probes: key(probes, 'Probes from outside, which also work without a shell in the root file system.'),
  post_stop: key(z.array(postStop), 'Commands that run after every end of the container.'),
  depends_on: key(
    z.record(
      z.string(),
      object({
        condition: key(z.enum(['service_completed', 'service_log_line']), 'What to wait for.', { required: 'here' }),
        pattern: key(text, 'For service_log_line: the regular expression a line must match.'),
      }),
    ),
    'Conditions that compose does not have, for services named in depends_on too.',
  ),
});

/** `x-tscompose` at the top level. */
export const topExtension = object({
  images: key(
    z.record(z.string(), rootfs),
    'Which root file system an image stands for; * and ? match any characters.',
    {
      examples: [{ 'alpine*': './alpine-minirootfs.tar.gz', 'node:*': { host: ['node', 'sh'] } }],
    },
  ),
});
