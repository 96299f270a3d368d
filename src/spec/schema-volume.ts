import * as z from 'zod';
import { bytes, flag, key, list, mode, object, pairs, text } from './schema-leaf.ts';

const bind = object({
  propagation: key(
    z.enum(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']),
    'How later mounts spread.',
    {
      default: 'rprivate',
    },
  ),
  create_host_path: key(flag, 'Make the source directory when it is missing.', { default: true }),
  recursive: key(z.enum(['enabled', 'disabled', 'writable', 'readonly']), 'What happens to mounts below the source.', {
    default: 'enabled',
  }),
  selinux: key(z.enum(['z', 'Z']), 'SELinux label: z shared, Z private.'),
});

export const longVolume = object({
  type: key(z.enum(['bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster']), 'What is mounted.', { required: 'here' }),
  source: key(text, 'Path on the host, or name of a top-level volume; nothing for an anonymous volume.', {
    examples: ['data'],
  }),
  target: key(text, 'Path in the container.', { examples: ['/data'] }),
  read_only: key(flag, 'The container cannot write to it.', { default: false }),
  consistency: key(text, 'No effect on Linux.', { examples: ['cached'] }),
  bind: key(bind, 'Settings of a bind mount.', { examples: [{ propagation: 'rslave' }] }),
  volume: key(
    object({
      labels: key(pairs, 'Labels of an anonymous volume.', { examples: [{ 'org.example.tier': 'front' }] }),
      nocopy: key(flag, 'Do not fill an empty volume with what the root file system has there.', { default: false }),
      subpath: key(text, 'Directory in the volume that is mounted instead of its root.', { examples: ['uploads'] }),
    }),
    'Settings of a volume.',
    { examples: [{ nocopy: true }] },
  ),
  tmpfs: key(
    object({
      size: key(bytes, 'Most memory it may use.', { examples: ['64m'] }),
      mode: key(mode, 'Permission bits of its root.', { default: '1777' }),
    }),
    'Settings of a tmpfs.',
    { examples: [{ size: '64m' }] },
  ),
  image: key(
    object({ subpath: key(text, 'Directory in the image that is mounted.', { examples: ['usr/share'] }) }),
    'Settings of an image mount.',
    { examples: [{ subpath: 'usr/share' }] },
  ),
});

export const volumes = list(z.union([text, longVolume]));
