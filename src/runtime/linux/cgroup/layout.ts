import type { Resources } from '../../../model/project.ts';
import type { CgroupHost, V1Hierarchy } from './detect.ts';

export type Controller = 'cpu' | 'cpuacct' | 'cpuset' | 'memory' | 'pids' | 'blkio' | 'devices';

/** The directories of one container, one for each hierarchy that limits or counts something. */
export type CgroupLayout = {
  readonly v1: readonly V1Leaf[];
  readonly v2?: {
    readonly dir: string;
    /** The directories between the base and `dir`, outermost first. */
    readonly parents: readonly string[];
    readonly base: string;
    /** Controllers to enable from the base down. */
    readonly enable: readonly string[];
  };
};

export type V1Leaf = {
  readonly dir: string;
  readonly parents: readonly string[];
  readonly base: string;
  readonly hierarchy: V1Hierarchy;
};

/** The cgroup below that of a container in which its hooks run. */
export const hookGroup = 'hook';

/** Names that differ between the two versions: v1 → v2. */
const v2Names: { readonly [controller: string]: string } = { blkio: 'io' };
const accounting: readonly Controller[] = ['memory', 'pids'];

/** Where a controller of this host is; v1 wins, because a controller mounted there cannot be used in v2. */
export function controllerVersion(host: CgroupHost, controller: Controller): 'v1' | 'v2' | undefined {
  if (host.v1.some((hierarchy) => hierarchy.controllers.includes(controller))) return 'v1';
  if (host.v2 === undefined) return undefined;
  // In v2 accounting comes with every cgroup, and devices are a BPF program.
  if (controller === 'cpuacct' || controller === 'devices') return 'v2';
  return host.v2.controllers.includes(v2Names[controller] ?? controller) ? 'v2' : undefined;
}

/** A hierarchy in which nothing is limited or counted gets no directory: attaching to each costs 20 µs at every start. */
export function neededControllers(
  resources: Resources,
  options: { readonly host: CgroupHost; readonly devices: boolean },
): Set<Controller> {
  const needed = new Set<Controller>(accounting);
  // Every v2 cgroup counts CPU time, with or without a controller.
  if (options.host.v2 === undefined) needed.add('cpuacct');
  if (options.devices) needed.add('devices');
  if ([resources.cpuQuotaUs, resources.cpuPeriodUs, resources.cpuShares].some((value) => value !== undefined)) {
    needed.add('cpu');
  }
  if (resources.cpuset !== undefined) needed.add('cpuset');
  if (resources.blkio.length > 0 || resources.blkioWeight !== undefined) needed.add('blkio');
  return needed;
}

export function cgroupLayout(
  host: CgroupHost,
  names: { readonly project: string; readonly container: string; readonly parent?: string },
  needed: ReadonlySet<Controller>,
): CgroupLayout {
  const prefix = (names.parent ?? '').split('/').filter((part) => part !== '' && part !== '.' && part !== '..');
  const steps = [...prefix, 'tscompose', names.project];
  const parentsBelow = (base: string) =>
    steps.map((_, i) => [base === '/' ? '' : base, ...steps.slice(0, i + 1)].join('/'));
  const v1 = host.v1
    .filter((hierarchy) => hierarchy.controllers.some((name) => needed.has(name as Controller)))
    .map((hierarchy) => {
      const parents = parentsBelow(hierarchy.base);
      return { hierarchy, base: hierarchy.base, parents, dir: `${parents.at(-1)}/${names.container}` };
    });
  if (host.v2 === undefined) return { v1 };
  const parents = parentsBelow(host.v2.base);
  const enable = [...needed].map((name) => v2Names[name] ?? name).filter((name) => host.v2?.controllers.includes(name));
  return { v1, v2: { base: host.v2.base, parents, dir: `${parents.at(-1)}/${names.container}`, enable } };
}

/** The container's directory for a controller; undefined when the host or the layout has none. */
export function leafOf(layout: CgroupLayout, host: CgroupHost, controller: Controller): string | undefined {
  const version = controllerVersion(host, controller);
  if (version === 'v2') return layout.v2?.dir;
  return layout.v1.find((leaf) => leaf.hierarchy.controllers.includes(controller))?.dir;
}
