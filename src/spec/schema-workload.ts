import * as z from 'zod';
import { extraHosts, fileReference, ulimits } from './schema-container.ts';
import { ownConditions } from './schema-extension.ts';
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
    dockerfile_inline: key(text, 'The recipe itself.', { examples: ['FROM alpine\nRUN apk add curl\n'] }),
    args: key(pairs, 'Build arguments.', { examples: [{ NODE_ENV: 'production' }] }),
    target: key(text, 'Stage to build.', { examples: ['production'] }),
    additional_contexts: key(pairs, 'Further contexts by name.', { examples: [{ assets: './assets' }] }),
    cache_from: key(texts, 'Where cached layers may come from.', { examples: [['type=local,src=./cache']] }),
    cache_to: key(texts, 'Where cached layers go.', { examples: [['type=local,dest=./cache']] }),
    no_cache: key(flag, 'Build without cached layers.', { examples: [true] }),
    no_cache_filter: key(textOrList, 'Stages to build without cached layers.', { examples: [['builder']] }),
    pull: key(flag, 'Always fetch the base image.', { examples: [true] }),
    platforms: key(texts, 'Platforms to build for.', { examples: [['linux/amd64', 'linux/arm64']] }),
    tags: key(texts, 'Further names of the image.', { examples: [['app:latest']] }),
    labels: key(pairs, 'Labels of the image.', { examples: [{ 'org.example.tier': 'front' }] }),
    network: key(text, 'Network of the build steps.', { examples: ['host'] }),
    shm_size: key(bytes, 'Size of /dev/shm in the build steps.', { examples: ['128m'] }),
    ulimits: key(ulimits, 'Resource limits of the build steps.', {
      examples: [{ nofile: { soft: 20000, hard: 40000 } }],
    }),
    extra_hosts: key(extraHosts, 'Further lines of /etc/hosts in the build steps.', {
      examples: [['db.example.com=10.0.0.5']],
    }),
    privileged: key(flag, 'Build steps run without protection.', { examples: [true] }),
    isolation: key(text, 'Isolation technology on Windows.', { examples: ['default'] }),
    secrets: key(list(fileReference), 'Secrets the build steps may read.', { examples: [['npm_token']] }),
    ssh: key(z.union([pairs, text]), 'SSH agents or keys the build may use.', { examples: [['default']] }),
    entitlements: key(texts, 'Privileges of the builder.', { examples: [['network.host']] }),
    provenance: key(z.union([text, z.boolean()]), 'Attestation of origin.', { examples: ['mode=max'] }),
    sbom: key(z.union([text, z.boolean()]), 'Attestation of contents.', { examples: [true] }),
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
    {
      required: 'merged',
      elsewhere: new Map(
        ownConditions.map((name) => [
          name,
          `compose does not know ${name}: say it in x-tscompose: { depends_on: … } of the service`,
        ]),
      ),
    },
  ),
  restart: key(flag, 'Restart this service when the other one is restarted or made anew.', { default: false }),
  required: key(flag, 'false: go on without the other service when it is missing.', { default: true }),
});

const longPort = object({
  target: key(port, 'Port in the container.', { examples: [80] }),
  published: key(portRange, 'Port or range on the host; chosen by the kernel when left out.', {
    examples: ['8080', '8000-8010'],
  }),
  host_ip: key(ip, 'Host address to listen on; all when left out.', { examples: ['127.0.0.1'] }),
  protocol: key(text, 'tcp or udp.', { default: 'tcp' }),
  mode: key(text, 'host or ingress; the same on one machine.', { default: 'ingress' }),
  app_protocol: key(text, 'What is spoken on the port; no effect.', { examples: ['http'] }),
  name: key(text, 'Name of the port; no effect.', { examples: ['web'] }),
});

/** What services and jobs have beyond a container. */
export const workloadKeys = {
  build: key(build, 'How an image is built; needs a builder, which tscompose is not.', { examples: ['./app'] }),
  depends_on: key(
    z.union([texts, z.record(z.string().regex(/^[a-zA-Z0-9._-]+$/), dependency)]),
    'Services that must be up before this one.',
    {
      examples: [['db'], { db: { condition: 'service_healthy' } }],
    },
  ),
  expose: key(list(portRange), 'Ports for other services; documentation.', { examples: [['3000', 8000]] }),
  healthcheck: key(healthcheck, 'How to find out whether the service works.', {
    examples: [{ test: ['CMD', 'pg_isready'], interval: '5s', retries: 5 }],
  }),
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
