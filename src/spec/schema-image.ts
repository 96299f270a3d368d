import * as z from 'zod';
import { rootfs } from './schema-extension.ts';
import { command, key, object, pairs, signal, text, user } from './schema-leaf.ts';
import { healthcheck } from './schema-workload.ts';

/** What an image brings along beside its files; a service that says something itself has the last word. */
export const image = object({
  rootfs: key(rootfs, 'Root file system: a directory, a tarball, or a userspace made of host programs.', {
    examples: ['./alpine-minirootfs.tar.gz'],
    required: 'merged',
  }),
  entrypoint: key(command, 'ENTRYPOINT of the image: put before the command.', {
    examples: [['docker-entrypoint.sh']],
  }),
  command: key(command, 'CMD of the image: what runs when the service has neither command nor entrypoint.', {
    examples: [['postgres']],
  }),
  environment: key(pairs, 'ENV of the image.', { examples: [{ PGDATA: '/var/lib/postgresql/data' }] }),
  working_dir: key(text, 'WORKDIR of the image.', { examples: ['/app'] }),
  user: key(user, 'USER of the image.', { examples: ['1000:1000'] }),
  stop_signal: key(signal, 'STOPSIGNAL of the image.', { examples: ['SIGINT'] }),
  healthcheck: key(healthcheck, 'HEALTHCHECK of the image.', {
    examples: [{ test: ['CMD', 'pg_isready'], interval: '10s' }],
  }),
});

/** `x-tscompose` at the top level. */
export const topExtension = object({
  images: key(
    z.record(z.string(), z.union([image, ...rootfs.options])),
    'What an image stands for: a root file system, or with what the image says to run in it; * and ? match any characters.',
    {
      examples: [
        {
          'alpine*': './alpine-minirootfs.tar.gz',
          'node:*': { host: ['node', 'sh'] },
          'postgres:*': { rootfs: './postgres', command: ['postgres'], user: 'postgres', stop_signal: 'SIGINT' },
        },
      ],
    },
  ),
});
