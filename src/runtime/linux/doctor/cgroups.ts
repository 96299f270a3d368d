import { type Check, fine, lacks } from './finding.ts';

const controllerKeys: { readonly [controller: string]: string } = {
  cpu: 'cpus, cpu_shares, cpu_quota',
  memory: 'mem_limit, mem_reservation, memswap_limit and OOM reports',
  pids: 'pids_limit',
  cpuset: 'cpuset',
  io: 'blkio_config',
};

export const controllers: Check = ({ facts: { cgroups } }) => {
  return Object.entries(controllerKeys).map(([name, keys]) => {
    const id = `cgroup.${name}`;
    const title = `${name} controller`;
    const v1 = cgroups.v1.find(({ controllers }) => controllers.includes(name === 'io' ? 'blkio' : name));
    if (v1 !== undefined) return fine(id, title, `v1, ${v1.base}`);
    if (cgroups.v2?.controllers.includes(name)) return fine(id, title, `v2, ${cgroups.v2.base}`);
    const remedy =
      cgroups.v2 === undefined
        ? `mount the cgroup2 filesystem: mount -t cgroup2 none /sys/fs/cgroup`
        : `enable it for us: echo +${name} > ${cgroups.v2.base}/cgroup.subtree_control (systemd: Delegate=yes)`;
    return lacks('limited', { id, title, found: 'neither on v1 nor on v2', effect: `no ${keys}`, remedy });
  });
};

export const trackingTree: Check = ({ facts }) => {
  const base = facts.cgroups.v2?.base;
  if (base !== undefined) return [fine('cgroup.v2', 'cgroup2 tree', base)];
  const lack = {
    effect: 'containers are killed process by process, and cannot be paused',
    remedy: 'mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified',
  };
  return [lacks('limited', { id: 'cgroup.v2', title: 'cgroup2 tree', found: 'not mounted', ...lack })];
};
