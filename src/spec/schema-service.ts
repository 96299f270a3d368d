import * as z from 'zod';
import { containerKeys, deviceRequests, hook, named, preStartHook } from './schema-container.ts';
import {
  bytesText,
  cpus,
  duration,
  flag,
  key,
  list,
  memoryText,
  number,
  object,
  pairs,
  profileName,
  ratio,
  text,
  textOrList,
  texts,
  whole,
} from './schema-leaf.ts';
import { workloadKeys } from './schema-workload.ts';

const updateKeys = {
  parallelism: key(whole(), 'Containers changed at a time; 0 is all.', { default: 1 }),
  delay: key(duration, 'Time between two groups.', { default: '0s' }),
  failure_action: key(text, 'continue, pause, or (update only) rollback.', { default: 'pause' }),
  monitor: key(duration, 'How long a changed container is watched.', { default: '0s' }),
  max_failure_ratio: key(ratio, 'Share of containers that may go wrong.', { default: 0 }),
  order: key(z.enum(['start-first', 'stop-first']), 'Which comes first, the new container or the end of the old.', {
    default: 'stop-first',
  }),
};

const resources = object({
  limits: key(
    object({
      cpus: key(cpus, 'The same as cpus.', { examples: ['0.5'] }),
      memory: key(memoryText, 'The same as mem_limit.', { examples: ['512m'] }),
      pids: key(whole(-1), 'The same as pids_limit.'),
    }),
    'What a container may use at most.',
  ),
  reservations: key(
    object({
      cpus: key(cpus, 'CPUs to keep free for the container.'),
      memory: key(bytesText, 'The same as mem_reservation.'),
      generic_resources: key(
        list(
          object({
            discrete_resource_spec: key(
              object({
                kind: key(text, 'Kind of the resource.'),
                value: key(number(), 'How many.'),
              }),
              'A countable resource.',
            ),
          }),
        ),
        'Resources a Swarm node must have.',
      ),
      devices: key(deviceRequests, 'Devices the container needs.'),
    }),
    'What a container should have at least.',
  ),
});

const deploy = z.union([
  object({
    mode: key(z.enum(['replicated', 'global', 'replicated-job', 'global-job']), 'How containers spread over nodes.', {
      default: 'replicated',
    }),
    endpoint_mode: key(z.enum(['vip', 'dnsrr']), 'How the service is found in a Swarm.'),
    replicas: key(whole(), 'How many containers.', { default: 1 }),
    labels: key(pairs, 'Labels of the service.'),
    resources: key(resources, 'Limits and reservations.'),
    restart_policy: key(
      object({
        condition: key(z.enum(['none', 'on-failure', 'any']), 'When a container is started again.', { default: 'any' }),
        delay: key(duration, 'Time before it is started again.'),
        max_attempts: key(whole(), 'How often; unlimited when left out.'),
        window: key(duration, 'A start that lived this long was a success.', { default: '0s' }),
      }),
      'When containers are started again; wins over restart.',
    ),
    update_config: key(object(updateKeys), 'How changed containers are replaced.'),
    rollback_config: key(object(updateKeys), 'How a change is taken back.'),
    placement: key(
      object({
        constraints: key(texts, 'Which Swarm nodes qualify.'),
        preferences: key(list(object({ spread: key(text, 'Node label to spread over.') })), 'Which nodes come first.'),
        max_replicas_per_node: key(whole(), 'Most containers on one node.'),
      }),
      'Where containers run in a Swarm.',
    ),
  }),
  z.null(),
]);

export const watchRule = object({
  path: key(text, 'File or directory on the host.', { required: 'here' }),
  action: key(z.enum(['rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec']), 'What a change does.', {
    required: 'here',
  }),
  target: key(text, 'Where in the container changes are copied.'),
  ignore: key(textOrList, 'Patterns of paths that do not count.'),
  include: key(textOrList, 'Patterns of the only paths that count.'),
  exec: key(hook, 'For sync+exec: what runs after the copy.'),
  initial_sync: key(flag, 'Copy everything once at the start.', { default: false }),
});

const provider = object({
  type: key(text, 'Program that manages the service.', { required: 'merged' }),
  options: key(
    z.record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number(), z.boolean()]))]),
    ),
    'Options of the program.',
  ),
});

const modelUse = object({
  endpoint_var: key(text, 'Variable that gets the URL of the model.'),
  model_var: key(text, 'Variable that gets the name of the model.'),
});

const serviceOnlyKeys = {
  attach: key(flag, 'false: attached up leaves the output of the service out.', { default: true }),
  container_name: key(named, 'Fixed name of the container; excludes more than one.'),
  deploy: key(deploy, 'Replicas, limits, restart and update policy.'),
  develop: key(
    z.union([object({ watch: key(list(watchRule), 'What to do when files change.') }), z.null()]),
    'Settings for development.',
  ),
  extends: key(
    z.union([
      text,
      object({
        service: key(text, 'The service to start from.', { required: 'here' }),
        file: key(text, 'The file it is in; this one when left out.'),
      }),
    ]),
    'Start from the settings of another service.',
  ),
  external_links: key(texts, 'Links to containers of other projects: NAME[:ALIAS].'),
  links: key(texts, 'Further names of other services: SERVICE[:ALIAS].'),
  models: key(
    z.union([texts, z.record(z.string(), z.union([modelUse, z.null()]))]),
    'AI models whose address the service is told.',
  ),
  post_start: key(list(hook), 'Commands run in the container after it has started.'),
  pre_start: key(list(preStartHook), 'Containers that run, one after the other, before the service starts.'),
  pre_stop: key(list(hook), 'Commands run in the container before it is stopped.'),
  profiles: key(list(profileName), 'The service is only there when one of these profiles is on.', {
    examples: [['debug']],
  }),
  provider: key(provider, 'A program that manages the service instead of a container.'),
  restart: key(text, 'no, always, unless-stopped, on-failure or on-failure:N.', {
    default: 'no',
    examples: ['always', 'unless-stopped', 'on-failure:3'],
  }),
  scale: key(whole(), 'How many containers; --scale wins.', { default: 1 }),
};

export const serviceKeys = { ...containerKeys, ...workloadKeys, ...serviceOnlyKeys };

export const service = object(serviceKeys);

const triggers = object({
  manual: key(flag, 'Whether "run" may start the job.', { default: true }),
  schedule: key(
    z.union([
      text,
      list(
        z.union([
          text,
          object({
            cron: key(text, 'Minute, hour, day of month, month, day of week: crontab(5).', { required: 'here' }),
            timezone: key(text, 'IANA time zone.', { default: 'UTC' }),
            concurrency: key(z.enum(['forbid', 'queue']), 'What happens while the last run still runs.', {
              default: 'forbid',
            }),
            missed_fires: key(z.enum(['one', 'skip']), 'Whether runs that were missed are made up for.', {
              default: 'one',
            }),
          }),
        ]),
      ),
    ]),
    'When the job runs by itself.',
    { examples: [['0 3 * * *']] },
  ),
});

export const job = object({
  ...containerKeys,
  ...workloadKeys,
  models: serviceOnlyKeys.models,
  profiles: serviceOnlyKeys.profiles,
  triggers: key(triggers, 'What starts the job.', { required: 'merged' }),
});
