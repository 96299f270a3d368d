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
  restart,
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
      pids: key(whole(-1), 'The same as pids_limit.', { examples: [100] }),
    }),
    'What a container may use at most.',
    { examples: [{ cpus: '0.5', memory: '512m', pids: 100 }] },
  ),
  reservations: key(
    object({
      cpus: key(cpus, 'CPUs to keep free for the container.', { examples: ['0.25'] }),
      memory: key(bytesText, 'The same as mem_reservation.', { examples: ['128m'] }),
      generic_resources: key(
        list(
          object({
            discrete_resource_spec: key(
              object({
                kind: key(text, 'Kind of the resource.', { examples: ['SSD'] }),
                value: key(number(), 'How many.', { examples: [1] }),
              }),
              'A countable resource.',
              { examples: [{ kind: 'SSD', value: 1 }] },
            ),
          }),
        ),
        'Resources a Swarm node must have.',
        { examples: [[{ discrete_resource_spec: { kind: 'SSD', value: 1 } }]] },
      ),
      devices: key(deviceRequests, 'Devices the container needs.', {
        examples: [[{ capabilities: ['gpu'], count: 1 }]],
      }),
    }),
    'What a container should have at least.',
    { examples: [{ memory: '128m' }] },
  ),
});

const deploy = z.union([
  object({
    mode: key(z.enum(['replicated', 'global', 'replicated-job', 'global-job']), 'How containers spread over nodes.', {
      default: 'replicated',
    }),
    endpoint_mode: key(z.enum(['vip', 'dnsrr']), 'How the service is found in a Swarm.'),
    replicas: key(whole(), 'How many containers.', { default: 1 }),
    labels: key(pairs, 'Labels of the service.', { examples: [{ 'org.example.tier': 'front' }] }),
    resources: key(resources, 'Limits and reservations.', { examples: [{ limits: { cpus: '0.5', memory: '512m' } }] }),
    restart_policy: key(
      object({
        condition: key(z.enum(['none', 'on-failure', 'any']), 'When a container is started again.', { default: 'any' }),
        delay: key(duration, 'Time before it is started again.', { examples: ['5s'] }),
        max_attempts: key(whole(), 'How often; unlimited when left out, or 0.', { examples: [3] }),
        window: key(duration, 'A start that lived this long was a success.', { default: '0s' }),
      }),
      'When containers are started again; wins over restart.',
      { examples: [{ condition: 'on-failure', delay: '5s', max_attempts: 3, window: '2m' }] },
    ),
    update_config: key(object(updateKeys), 'How changed containers are replaced.', {
      examples: [{ parallelism: 1, order: 'start-first', monitor: '10s', failure_action: 'rollback' }],
    }),
    rollback_config: key(object(updateKeys), 'How a change is taken back.', {
      examples: [{ parallelism: 1, order: 'stop-first' }],
    }),
    placement: key(
      object({
        constraints: key(texts, 'Which Swarm nodes qualify.', { examples: [['node.role == worker']] }),
        preferences: key(
          list(object({ spread: key(text, 'Node label to spread over.', { examples: ['node.labels.zone'] }) })),
          'Which nodes come first.',
          { examples: [[{ spread: 'node.labels.zone' }]] },
        ),
        max_replicas_per_node: key(whole(), 'Most containers on one node.', { examples: [2] }),
      }),
      'Where containers run in a Swarm.',
      { examples: [{ constraints: ['node.role == worker'] }] },
    ),
  }),
  z.null(),
]);

export const watchRule = object({
  path: key(text, 'File or directory on the host.', { examples: ['./src'], required: 'here' }),
  action: key(z.enum(['rebuild', 'sync', 'restart', 'sync+restart', 'sync+exec']), 'What a change does.', {
    required: 'here',
  }),
  target: key(text, 'Where in the container changes are copied.', { examples: ['/app/src'] }),
  ignore: key(textOrList, 'Patterns of paths that do not count.', { examples: [['node_modules/', '*.log']] }),
  include: key(textOrList, 'Patterns of the only paths that count.', { examples: [['src/**']] }),
  exec: key(hook, 'For sync+exec: what runs after the copy.', { examples: [{ command: ['kill', '-HUP', '1'] }] }),
  initial_sync: key(flag, 'Copy everything once at the start.', { default: false }),
});

const provider = object({
  type: key(text, 'Program that manages the service.', { examples: ['cloud-tunnel'], required: 'merged' }),
  options: key(
    z.record(
      z.string(),
      z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number(), z.boolean()]))]),
    ),
    'Options of the program.',
    { examples: [{ port: 8080 }] },
  ),
});

const modelUse = object({
  endpoint_var: key(text, 'Variable that gets the URL of the model.', { examples: ['MODEL_URL'] }),
  model_var: key(text, 'Variable that gets the name of the model.', { examples: ['MODEL_NAME'] }),
});

const serviceOnlyKeys = {
  attach: key(flag, 'false: attached up leaves the output of the service out.', { default: true }),
  container_name: key(named, 'Fixed name of the container; excludes more than one.', { examples: ['shop-db'] }),
  deploy: key(deploy, 'Replicas, limits, restart and update policy.', {
    examples: [{ replicas: 2, resources: { limits: { memory: '512m' } } }],
  }),
  develop: key(
    z.union([
      object({
        watch: key(list(watchRule), 'What to do when files change.', {
          examples: [[{ path: './src', action: 'sync', target: '/app/src' }]],
        }),
      }),
      z.null(),
    ]),
    'Settings for development.',
    { examples: [{ watch: [{ path: './src', action: 'sync', target: '/app/src' }] }] },
  ),
  extends: key(
    z.union([
      text,
      object({
        service: key(text, 'The service to start from.', { examples: ['base'], required: 'here' }),
        file: key(text, 'The file it is in; this one when left out.', { examples: ['./common.yml'] }),
      }),
    ]),
    'Start from the settings of another service.',
    { examples: [{ file: './common.yml', service: 'base' }] },
  ),
  external_links: key(texts, 'Links to containers of other projects: NAME[:ALIAS].', {
    examples: [['redis_1', 'other-db-1:mysql']],
  }),
  links: key(texts, 'Further names of other services: SERVICE[:ALIAS].', { examples: [['db', 'db:database']] }),
  models: key(
    z.union([texts, z.record(z.string(), z.union([modelUse, z.null()]))]),
    'AI models whose address the service is told.',
    { examples: [['llm']] },
  ),
  post_start: key(list(hook), 'Commands run in the container after it has started.', {
    examples: [[{ command: ['./register.sh'], user: 'root' }]],
  }),
  pre_start: key(list(preStartHook), 'Containers that run, one after the other, before the service starts.', {
    examples: [[{ command: ['./migrate.sh'] }]],
  }),
  pre_stop: key(list(hook), 'Commands run in the container before it is stopped.', {
    examples: [[{ command: ['./drain.sh'] }]],
  }),
  profiles: key(list(profileName), 'The service is only there when one of these profiles is on.', {
    examples: [['debug']],
  }),
  provider: key(provider, 'A program that manages the service instead of a container.', {
    examples: [{ type: 'cloud-tunnel', options: { port: 8080 } }],
  }),
  restart: key(restart, 'no, always, unless-stopped, on-failure or on-failure:N.', {
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
            cron: key(text, 'Minute, hour, day of month, month, day of week: crontab(5).', {
              examples: ['0 3 * * *'],
              required: 'here',
            }),
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
  triggers: key(triggers, 'What starts the job.', { examples: [{ schedule: ['0 3 * * *'] }], required: 'merged' }),
});
