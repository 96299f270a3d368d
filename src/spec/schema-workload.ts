import * as z from 'zod';
import { extraHosts, fileReference, ulimits } from './schema-container.ts';
import {
  bytes,
  duration,
  flag,
  ip,
  key,
  list,
  number,
  object,
  pairs,
  port,
  portRange,
  text,
  textOrList,
  texts,
} from './schema-leaf.ts';

const build = z.union([
  text,
  object({
    context: key(text, 'Directory (or URL) with what the build may use.', { default: '.' }),
    dockerfile: key(text, 'The recipe, relative to the context.', { default: 'Dockerfile' }),
    dockerfile_inline: key(text, 'The recipe itself.'),
    args: key(pairs, 'Build arguments.'),
    target: key(text, 'Stage to build.'),
    additional_contexts: key(pairs, 'Further contexts by name.'),
    cache_from: key(texts, 'Where cached layers may come from.'),
    cache_to: key(texts, 'Where cached layers go.'),
    no_cache: key(flag, 'Build without cached layers.'),
    no_cache_filter: key(textOrList, 'Stages to build without cached layers.'),
    pull: key(flag, 'Always fetch the base image.'),
    platforms: key(texts, 'Platforms to build for.'),
    tags: key(texts, 'Further names of the image.'),
    labels: key(pairs, 'Labels of the image.'),
    network: key(text, 'Network of the build steps.'),
    shm_size: key(bytes, 'Size of /dev/shm in the build steps.'),
    ulimits: key(ulimits, 'Resource limits of the build steps.'),
    extra_hosts: key(extraHosts, 'Further lines of /etc/hosts in the build steps.'),
    privileged: key(flag, 'Build steps run without protection.'),
    isolation: key(text, 'Isolation technology on Windows.'),
    secrets: key(list(fileReference), 'Secrets the build steps may read.'),
    ssh: key(z.union([pairs, text]), 'SSH agents or keys the build may use.'),
    entitlements: key(texts, 'Privileges of the builder.'),
    provenance: key(z.union([text, z.boolean()]), 'Attestation of origin.'),
    sbom: key(z.union([text, z.boolean()]), 'Attestation of contents.'),
  }),
]);

export const healthcheck = object({
  test: key(textOrList, 'The command: text for a shell, or a list that starts with CMD, CMD-SHELL or NONE.', {
    examples: [['CMD', 'curl', '-f', 'http://localhost']],
  }),
  interval: key(duration, 'Time between the end of one probe and the start of the next.', { default: '30s' }),
  timeout: key(duration, 'A probe that takes longer has not passed.', { default: '30s' }),
  retries: key(number(), 'Probes in a row that must not pass before the service is unhealthy.', { default: 3 }),
  start_period: key(duration, 'Time after the start in which a probe that does not pass does not count.', {
    default: '0s',
  }),
  start_interval: key(duration, 'Time between probes in the start period.', { default: '5s' }),
  disable: key(flag, 'No health check, whatever the image says.', { default: false }),
});

const dependency = object({
  condition: key(
    z.enum(['service_started', 'service_healthy', 'service_completed_successfully']),
    'What to wait for before this service starts.',
    { required: 'merged' },
  ),
  restart: key(flag, 'Restart this service when the other one is restarted or made anew.', { default: false }),
  required: key(flag, 'false: go on without the other service when it is missing.', { default: true }),
});

const longPort = object({
  target: key(port, 'Port in the container.'),
  published: key(portRange, 'Port or range on the host; chosen by the kernel when left out.', {
    examples: ['8080', '8000-8010'],
  }),
  host_ip: key(ip, 'Host address to listen on; all when left out.', { examples: ['127.0.0.1'] }),
  protocol: key(text, 'tcp or udp.', { default: 'tcp' }),
  mode: key(text, 'host or ingress; the same on one machine.', { default: 'ingress' }),
  app_protocol: key(text, 'What is spoken on the port; no effect.'),
  name: key(text, 'Name of the port; no effect.'),
});

/** What services and jobs have beyond a container. */
export const workloadKeys = {
  build: key(build, 'How an image is built; needs a builder, which tscompose is not.'),
  depends_on: key(
    z.union([texts, z.record(z.string().regex(/^[a-zA-Z0-9._-]+$/), dependency)]),
    'Services that must be up before this one.',
    {
      examples: [['db'], { db: { condition: 'service_healthy' } }],
    },
  ),
  expose: key(list(portRange), 'Ports for other services; documentation.', { examples: [['3000', 8000]] }),
  healthcheck: key(healthcheck, 'How to find out whether the service works.'),
  ports: key(
    list(z.union([z.number(), text, longPort])),
    'Ports opened on the host: [IP:][HOST:]CONTAINER[/PROTOCOL].',
    {
      examples: [['8080:80', '127.0.0.1:5432:5432']],
    },
  ),
  stdin_open: key(flag, 'Keep standard input open.', { default: false }),
  tty: key(flag, 'Give the process a terminal.', { default: false }),
};
