import { type Check, fine, lacks } from './finding.ts';

const namespaceNames = {
  pid: 'PID_NS',
  mnt: 'NAMESPACES',
  uts: 'UTS_NS',
  ipc: 'IPC_NS',
  net: 'NET_NS',
  cgroup: 'CGROUPS',
};

export const namespaces: Check = ({ exists }) => {
  const absent = Object.entries(namespaceNames).filter(([name]) => !exists(`/proc/self/ns/${name}`));
  const findings = absent.map(([name, option]) =>
    lacks('missing', {
      id: `namespace.${name}`,
      title: `${name} namespace`,
      found: 'not in this kernel',
      effect: 'containers cannot be made',
      remedy: `use a kernel with CONFIG_${option}=y`,
    }),
  );
  if (absent.length === 0) findings.push(fine('namespaces', 'namespaces', Object.keys(namespaceNames).join(' ')));
  if (exists('/proc/self/ns/time')) return [...findings, fine('namespace.time', 'time namespace', 'there')];
  const lack = { effect: 'x-tscompose.clock cannot be honoured', remedy: 'use a kernel with CONFIG_TIME_NS=y (5.6)' };
  return [
    ...findings,
    lacks('limited', { id: 'namespace.time', title: 'time namespace', found: 'not in this kernel', ...lack }),
  ];
};

export const seccomp: Check = ({ text }) => {
  const actions = text('/proc/sys/kernel/seccomp/actions_avail')?.trim();
  if (actions?.includes('errno')) return [fine('seccomp', 'seccomp filters', 'there')];
  const lack = {
    effect: 'containers run without a system call filter',
    remedy: 'use a kernel with CONFIG_SECCOMP_FILTER=y',
  };
  return [lacks('limited', { id: 'seccomp', title: 'seccomp filters', found: 'not in this kernel', ...lack })];
};

export const bpf: Check = ({ facts, exists, text }) => {
  const needsIt = !facts.cgroups.v1.some(({ controllers }) => controllers.includes('devices'));
  const base = { id: 'bpf', title: 'eBPF' };
  const effect = needsIt ? 'access to devices cannot be limited' : 'no fast path for published ports';
  if (!exists('/proc/sys/kernel/unprivileged_bpf_disabled')) {
    const remedy = 'use a kernel with CONFIG_BPF_SYSCALL=y and CONFIG_CGROUP_BPF=y';
    return [lacks('limited', { ...base, found: 'not in this kernel', effect, remedy })];
  }
  if (text('/sys/kernel/security/lockdown')?.includes('[confidentiality]')) {
    const remedy = 'boot with lockdown=integrity on the kernel command line';
    return [lacks('limited', { ...base, found: 'the kernel is locked down', effect, remedy })];
  }
  if (text('/proc/sys/net/core/bpf_jit_enable')?.trim() !== '0') return [fine(base.id, base.title, 'there, compiled')];
  return [
    lacks('limited', {
      ...base,
      found: 'there, but interpreted',
      effect: 'connections to published ports open more slowly',
      remedy: 'sysctl net.core.bpf_jit_enable=1',
    }),
  ];
};

/** Containers of ours have none; some programs, browsers above all, want to make their own. */
export const userNamespaces: Check = ({ text }) => {
  const base = { id: 'userns', title: 'user namespaces' };
  const sysctl = (name: string): number => Number(text(`/proc/sys/${name}`) ?? Number.NaN);
  const most = sysctl('user/max_user_namespaces');
  if (!(most > 0)) {
    const effect = 'programs in containers cannot make user namespaces of their own';
    const found = Number.isNaN(most) ? 'not in this kernel' : 'none allowed';
    return [lacks('limited', { ...base, found, effect, remedy: 'sysctl user.max_user_namespaces=15000' })];
  }
  const closed = [
    sysctl('kernel/unprivileged_userns_clone') === 0 && 'kernel.unprivileged_userns_clone=1',
    sysctl('kernel/apparmor_restrict_unprivileged_userns') === 1 && 'kernel.apparmor_restrict_unprivileged_userns=0',
  ].filter((setting) => setting !== false);
  if (closed.length === 0) return [fine(base.id, base.title, `up to ${most}`)];
  return [
    lacks('limited', {
      ...base,
      found: 'only for root',
      effect: 'a service with a user: cannot make user namespaces of its own (the sandbox of a browser, bwrap)',
      remedy: `sysctl ${closed.join(' ')}`,
    }),
  ];
};

/** Ids that a user who is not root may hand to containers. */
export const subordinateIds: Check = ({ uid, user, text, exists }) => {
  const base = { id: 'subuid', title: 'subordinate ids' };
  if (uid === 0) return [fine(base.id, base.title, 'not needed: root hands out any id')];
  const has = (file: string): boolean =>
    (text(file) ?? '').split('\n').some((line) => [user, String(uid)].includes(line.split(':')[0] ?? ''));
  const effect = 'this user can be no more than one user inside of containers';
  if (!has('/etc/subuid') || !has('/etc/subgid')) {
    const remedy = `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${user}`;
    return [lacks('limited', { ...base, found: `none for ${user} in /etc/subuid and /etc/subgid`, effect, remedy })];
  }
  if (['/usr/bin/newuidmap', '/bin/newuidmap'].some(exists))
    return [fine(base.id, base.title, 'there, with newuidmap')];
  return [lacks('limited', { ...base, found: 'there, but no newuidmap', effect, remedy: 'apt-get install uidmap' })];
};
