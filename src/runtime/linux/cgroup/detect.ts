import { posix } from 'node:path';

export type V1Hierarchy = {
  /** As mounted: `cpu,cpuacct` is one hierarchy. */
  readonly controllers: readonly string[];
  /** Our directories are made below this one. */
  readonly base: string;
};

/** Where each controller really lives: v1 and v2 are mixed freely, so there is no such thing as a mode. */
export type CgroupHost = {
  readonly v1: readonly V1Hierarchy[];
  readonly v2?: {
    readonly base: string;
    /** What may be enabled for children of `base`. */
    readonly controllers: readonly string[];
  };
};

export type CgroupTexts = {
  /** /proc/self/cgroup */
  readonly membership: string;
  /** /proc/self/mountinfo */
  readonly mounts: string;
  /** The content of `cgroup.controllers` in a directory; undefined when there is none. */
  readonly controllersIn: (directory: string) => string | undefined;
};

type CgroupMount = {
  readonly type: string;
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
};

export function detectCgroups(texts: CgroupTexts): CgroupHost {
  const own = ownCgroups(texts.membership);
  const v1: V1Hierarchy[] = [];
  let v2: CgroupHost['v2'];
  for (const mount of cgroupMounts(texts.mounts)) {
    if (mount.type === 'cgroup2') {
      v2 ??= unified(mount, own, texts);
      continue;
    }
    const controllers = mount.options.filter((option) => own.has(option));
    const first = controllers[0];
    if (first === undefined || v1.some((other) => other.controllers.includes(first))) continue;
    v1.push({ controllers, base: baseDirectory(mount, own.get(first) ?? '/') });
  }
  return v2 === undefined ? { v1 } : { v1, v2 };
}

/** Where the root of cgroup2 is mounted, as far as it is visible from here; `mounts` is /proc/self/mountinfo. */
export const unifiedRoot = (mounts: string): string | undefined =>
  cgroupMounts(mounts).find(({ type }) => type === 'cgroup2')?.target;

function unified(mount: CgroupMount, own: ReadonlyMap<string, string>, texts: CgroupTexts): CgroupHost['v2'] {
  const base = baseDirectory(mount, own.get('') ?? '/');
  const controllers = (texts.controllersIn(base) ?? '').split(/\s+/).filter((name) => name !== '');
  return { base, controllers };
}

/** Controller (or "" for v2) → our own cgroup in its hierarchy. Named hierarchies carry no limits and are left out. */
function ownCgroups(membership: string): ReadonlyMap<string, string> {
  const own = new Map<string, string>();
  for (const line of membership.split('\n')) {
    const [id, names, ...rest] = line.split(':');
    if (id === undefined || names === undefined || rest.length === 0) continue;
    const path = rest.join(':');
    for (const name of names.split(',')) if (!name.startsWith('name=')) own.set(name, path);
  }
  return own;
}

/** proc_pid_mountinfo(5): id, parent, device, root, mount point, options, optional fields, "-", type, source, super options. */
function cgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split('\n')) {
    const dash = line.indexOf(' - cgroup');
    if (dash === -1) continue;
    const [, , , root, target] = line.slice(0, dash).split(' ');
    const [type, , options] = line.slice(dash + 3).split(' ');
    if (root === undefined || target === undefined || type === undefined || options === undefined) continue;
    mounts.push({ type, root: unescapeOctal(root), target: unescapeOctal(target), options: options.split(',') });
  }
  return mounts;
}

const unescapeOctal = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/**
 * Below our own cgroup, so that outer limits stay in force; but a unit of systemd is systemd's alone (and dies with the
 * session or service that it stands for), so that there we go to the root of the hierarchy.
 */
function baseDirectory(mount: CgroupMount, own: string): string {
  const visible = belowRoot(mount.root, own);
  if (visible === undefined || /^\/[^/]+\.(?:slice|scope|service)(?:\/|$)/.test(visible)) return mount.target;
  return posix.join(mount.target, visible).replace(/(.)\/$/, '$1');
}

/** Undefined when we sit outside of the part of the tree that is mounted here. */
function belowRoot(root: string, own: string): string | undefined {
  if (own.startsWith('/..')) return undefined;
  if (root === '/') return own;
  if (own === root) return '/';
  return own.startsWith(`${root}/`) ? own.slice(root.length) : undefined;
}
