import { filesystemOf } from './filesystems.ts';
import { type Check, fine, lacks } from './finding.ts';

const enoughWatches = 65_536;

export const inotify: Check = ({ text }) => {
  const watches = Number(text('/proc/sys/fs/inotify/max_user_watches') ?? '0');
  const instances = Number(text('/proc/sys/fs/inotify/max_user_instances') ?? '0');
  const base = { id: 'inotify', title: 'inotify limits', found: `${watches} watches, ${instances} instances` };
  if (watches >= enoughWatches && instances >= 128) return [fine(base.id, base.title, base.found)];
  const lack = {
    effect: 'watch mode ends early on large trees',
    remedy: 'sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512',
  };
  return [lacks('limited', { ...base, ...lack })];
};

/** Below it a database of some hundred connections runs out. */
const enoughFiles = 4096;

export const openFiles: Check = ({ text }) => {
  const [, soft = '0', hard = '0'] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(text('/proc/self/limits') ?? '') ?? [];
  const most = hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
  const base = { id: 'files', title: 'open files', found: `soft ${soft}, hard ${hard}` };
  if (most >= enoughFiles) return [fine(base.id, base.title, base.found)];
  return [lacks('limited', { ...base, effect: 'services with many connections run out', remedy: 'ulimit -Hn 65536' })];
};

const enoughProcesses = 4096;

/** The least of all bounds counts: of this session, of the kernel, and of the cgroup that ours are made below. */
export const processes: Check = ({ text, facts: { cgroups } }) => {
  const bounds: { readonly most: number; readonly where: string; readonly remedy: string }[] = [];
  const hard = /^Max processes\s+\S+\s+(\S+)/m.exec(text('/proc/self/limits') ?? '')?.[1];
  if (hard !== undefined) bounds.push({ most: boundOf(hard), where: 'ulimit -Hu', remedy: 'ulimit -Hu 65536' });
  const threads = text('/proc/sys/kernel/threads-max');
  if (threads !== undefined)
    bounds.push({ most: boundOf(threads), where: 'kernel.threads-max', remedy: 'sysctl kernel.threads-max=65536' });
  const v1 = cgroups.v1.find(({ controllers }) => controllers.includes('pids'))?.base;
  const own = v1 ?? (cgroups.v2?.controllers.includes('pids') ? cgroups.v2.base : undefined);
  const inCgroup = own === undefined ? undefined : text(`${own}/pids.max`);
  if (inCgroup !== undefined)
    bounds.push({ most: boundOf(inCgroup), where: `${own}/pids.max`, remedy: `echo max > ${own}/pids.max` });
  const least = bounds.reduce((a, b) => (b.most < a.most ? b : a), {
    most: Number.POSITIVE_INFINITY,
    where: '',
    remedy: '',
  });
  const base = { id: 'processes', title: 'processes' };
  if (least.most >= enoughProcesses) {
    const found = least.most === Number.POSITIVE_INFINITY ? 'no bound' : `up to ${least.most} (${least.where})`;
    return [fine(base.id, base.title, found)];
  }
  const effect = 'containers together cannot have more processes and threads than that';
  return [lacks('limited', { ...base, found: `${least.most} at most (${least.where})`, effect, remedy: least.remedy })];
};

const boundOf = (text: string): number => (/^\d+$/.test(text.trim()) ? Number(text) : Number.POSITIVE_INFINITY);

const enoughBytes = 256 * 2 ** 20;

export const disk: Check = (host) => {
  const { libDirectory, freeBytes } = host;
  const base = { id: 'disk', title: libDirectory, found: `${Math.floor(freeBytes / 2 ** 20)} MiB free` };
  if (filesystemOf(host) === 'tmpfs')
    return [
      lacks('limited', {
        ...base,
        effect: 'volumes and containers are gone after a boot',
        remedy: `mount --bind /mnt/DISK/tscompose ${libDirectory}`,
      }),
    ];
  if (freeBytes >= enoughBytes) return [fine(base.id, base.title, base.found)];
  return [
    lacks('limited', {
      ...base,
      effect: 'containers and logs run out of space',
      remedy: `free some space: du -xh -d1 ${libDirectory} | sort -h`,
    }),
  ];
};
