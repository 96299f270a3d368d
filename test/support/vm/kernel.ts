import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { unpackPackages } from './package.ts';

/** A kernel image and the modules a container host needs, in the order in which they can be loaded. */
export type Kernel = { readonly image: string; readonly modules: readonly string[] };

const wanted = [
  'overlay',
  'veth',
  'bridge',
  'nf_tables',
  'nft_masq',
  'nft_ct',
  'nft_fib_inet',
  'nft_chain_nat',
  'virtio_pci',
  'virtio_blk',
  'ext4',
];

/**
 * Debian's cloud kernel, taken out of its package without being installed (installing would run boot loader hooks).
 * Undefined with the reason when the package cannot be had.
 */
export function fetchKernel(): Kernel | string {
  const cache = join(tmpdir(), 'tscompose-test-kernel');
  try {
    if (!existsSync(join(cache, 'boot'))) unpackKernel(cache);
    return findKernel(cache);
  } catch (error) {
    return `cannot get a kernel for the test machine: ${String(error).split('\n')[0]}`;
  }
}

function unpackKernel(cache: string): void {
  const depends = execFileSync('apt-cache', ['depends', 'linux-image-cloud-amd64'], { encoding: 'utf8' });
  const name = /Depends: (linux-image-\S+)/.exec(depends)?.[1];
  if (name === undefined) throw new Error('apt-cache knows no linux-image-cloud-amd64');
  unpackPackages([name], cache);
}

function findKernel(cache: string): Kernel {
  const image = readdirSync(join(cache, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  const base = join(cache, 'lib/modules');
  const release = readdirSync(base)[0];
  if (image === undefined || release === undefined) throw new Error('the kernel package has no kernel in it');
  const tree = join(base, release);
  return { image: join(cache, 'boot', image), modules: loadOrder(tree) };
}

/** A module says in its .modinfo section, as `depends=a,b`, what must be loaded before it. */
function loadOrder(tree: string): string[] {
  const files = readdirSync(tree, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ko'));
  const byName = new Map(files.map((file) => [basename(file, '.ko').replaceAll('-', '_'), join(tree, file)]));
  const ordered = new Set<string>();
  const add = (name: string): void => {
    const path = byName.get(name);
    if (path === undefined || ordered.has(path)) return;
    const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(path, 'latin1'))?.[1] ?? '';
    for (const need of depends.split(',')) if (need !== '') add(need);
    ordered.add(path);
  };
  for (const name of wanted) add(name);
  return [...ordered];
}

/** Why no machine can be started here; undefined when one can. */
export function vmMissing(whereIs: (name: string) => string | undefined): string | undefined {
  if (process.arch !== 'x64') return 'needs an x86-64 host';
  for (const program of ['qemu-system-x86_64', 'busybox', 'dpkg', 'apt-get'])
    if (whereIs(program) === undefined) return `needs ${program}`;
  const kernel = fetchKernel();
  return typeof kernel === 'string' ? kernel : undefined;
}
