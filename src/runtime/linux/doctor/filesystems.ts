import { type Check, type DoctorHost, fine, isKernel, type Lack, lacks } from './finding.ts';

const filesystemNeeds: { readonly [name: string]: Lack & { readonly status: 'limited' | 'missing' } } = {
  overlay: { status: 'missing', effect: 'no writable layer over a rootfs', remedy: 'modprobe overlay' },
  mqueue: { status: 'limited', effect: 'no POSIX message queues', remedy: 'use a kernel with CONFIG_POSIX_MQUEUE=y' },
};

export const filesystems: Check = ({ text }) => {
  const known = new Set((text('/proc/filesystems') ?? '').split('\n').map((line) => line.split('\t').at(-1)));
  return Object.entries(filesystemNeeds).map(([name, { status, effect, remedy }]) => {
    const id = `filesystem.${name}`;
    if (known.has(name)) return fine(id, name, 'there');
    return lacks(status, { id, title: name, found: 'not in /proc/filesystems', effect, remedy });
  });
};

/** What a writable layer needs was tried on the filesystem where writable layers lie. */
export const overlayFeatures: Check = (host) => {
  const { probes, libDirectory } = host;
  if (probes === undefined) return [];
  const base = { id: 'overlay.features', title: 'writable layers' };
  const { overlay } = probes;
  switch (overlay.kind) {
    case 'works': {
      const layers = isKernel(host, 6, 13) ? 'by descriptor' : isKernel(host, 6, 8) ? 'one by one' : 'as one line';
      return [fine(base.id, base.title, `whiteouts, opaque directories, volatile; layers are given ${layers}`)];
    }
    case 'refused':
      return [
        lacks('missing', {
          ...base,
          found: `mount says ${overlay.errno} (${filesystemOf(host)})`,
          effect: 'containers cannot have a writable layer',
          remedy: `put ${libDirectory} on ext4, xfs or btrfs: mount --bind /mnt/DISK/tscompose ${libDirectory}`,
        }),
      ];
    case 'incomplete':
      return [
        lacks('missing', {
          ...base,
          found: `${overlay.lacks} (${filesystemOf(host)})`,
          effect: 'a file that a container deletes comes back',
          remedy: `put ${libDirectory} on ext4, xfs or btrfs: mount --bind /mnt/DISK/tscompose ${libDirectory}`,
        }),
      ];
    case 'not-tried':
      return [fine(base.id, base.title, `not tried: ${overlay.because}`)];
  }
};

/** The first release whose filesystem of that name takes part. */
const idMappable: { readonly [type: string]: readonly [major: number, minor: number] } = {
  ext4: [5, 12],
  vfat: [5, 12],
  xfs: [5, 12],
  btrfs: [5, 15],
  f2fs: [5, 18],
  erofs: [5, 19],
  overlay: [5, 19],
  squashfs: [6, 2],
  tmpfs: [6, 3],
};

export const idMappedMounts: Check = (host) => {
  const type = filesystemOf(host);
  const since = idMappable[type];
  const base = { id: 'idmap', title: 'idmapped mounts' };
  if (since !== undefined && isKernel(host, ...since)) return [fine(base.id, base.title, `on ${type}`)];
  const effect = 'files cannot be shown to a container under other owners';
  const remedy =
    since === undefined
      ? `put ${host.libDirectory} on ext4, xfs or btrfs`
      : `use Linux ${since.join('.')} or later, or put ${host.libDirectory} on ext4`;
  return [lacks('limited', { ...base, found: `not on ${type} in Linux ${host.kernelRelease}`, effect, remedy })];
};

/** The type of the filesystem on which the library directory lies: of the mount with the longest path above it. */
export function filesystemOf({ text, libDirectory }: Pick<DoctorHost, 'text' | 'libDirectory'>): string {
  let found = { path: '', type: 'an unknown filesystem' };
  for (const line of (text('/proc/self/mountinfo') ?? '').split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const path = before.split(' ')[4];
    if (path === undefined || !`${libDirectory}/`.startsWith(path === '/' ? path : `${path}/`)) continue;
    // Of two mounts on one path the later one is seen.
    if (path.length >= found.path.length) found = { path, type: after.split(' ')[0] ?? '' };
  }
  return found.type;
}
