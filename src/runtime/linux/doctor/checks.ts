import { capabilityNames } from '../caps.ts';
import { controllers, trackingTree } from './cgroups.ts';
import { bpf, namespaces, seccomp, subordinateIds, userNamespaces } from './confinement.ts';
import { filesystems, idMappedMounts, overlayFeatures } from './filesystems.ts';
import { type Check, type DoctorHost, type Finding, fine, isKernel, lacks } from './finding.ts';
import { disk, inotify, openFiles, processes } from './limits.ts';
import { forwarding, packetFilter } from './packet-filter.ts';

/** All findings, in the order in which they matter. */
export function examine(host: DoctorHost): readonly Finding[] {
  return checks.flatMap((check) => check(host));
}

/** What no container can do without and this machine does not have. Being root is for the caller to ask. */
export function findVitalLacks(host: DoctorHost): readonly Finding[] {
  return vital.flatMap((check) => check(host)).filter(({ status }) => status === 'missing');
}

const vital: readonly Check[] = [capabilities, kernel, namespaces, filesystems, shim];

const checks: readonly Check[] = [
  root,
  capabilities,
  kernel,
  namespaces,
  filesystems,
  overlayFeatures,
  idMappedMounts,
  controllers,
  trackingTree,
  seccomp,
  bpf,
  userNamespaces,
  subordinateIds,
  packetFilter,
  forwarding,
  inotify,
  openFiles,
  processes,
  disk,
  shim,
  certificates,
];

function root({ uid }: DoctorHost): readonly Finding[] {
  const base = { id: 'root', title: 'user', found: `uid ${uid}` };
  if (uid === 0) return [fine(base.id, base.title, base.found)];
  return [
    lacks('missing', {
      ...base,
      effect: 'containers cannot be made',
      remedy: 'run tscompose as root: sudo tscompose …',
    }),
  ];
}

/** What each capability is needed for; the rest is only for containers that ask for it. */
const needed: { readonly [name: string]: { readonly status: 'limited' | 'missing'; readonly effect: string } } = {
  SYS_ADMIN: { status: 'missing', effect: 'no namespaces and no mounts' },
  NET_ADMIN: { status: 'limited', effect: 'no networks: only network_mode none with no lo, or host' },
  SYS_RESOURCE: {
    status: 'limited',
    effect: 'ulimits above the present hard limit and oom_score_adj below 0 are clamped',
  },
  MKNOD: { status: 'missing', effect: 'no device nodes in containers' },
  SYS_TIME: { status: 'limited', effect: 'x-tscompose.clock cannot be honoured' },
};

function capabilities({ facts }: DoctorHost): readonly Finding[] {
  const missing = capabilityNames.filter((_, bit) => ((facts.capabilities >> BigInt(bit)) & 1n) === 0n);
  if (missing.length === 0) return [fine('capabilities', 'capabilities', 'all')];
  return missing.map((name) => {
    const need = needed[name] ?? { status: 'limited' as const, effect: `containers cannot be given ${name}` };
    return lacks(need.status, {
      id: `capabilities.${name.toLowerCase()}`,
      title: `CAP_${name}`,
      found: 'not in our bounding set',
      effect: need.effect,
      remedy: 'start tscompose where it is not dropped (outside of a container, or docker run --cap-add)',
    });
  });
}

function kernel(host: DoctorHost): readonly Finding[] {
  const { kernelRelease } = host;
  if (isKernel(host, 5, 14)) return [fine('kernel', 'kernel', kernelRelease)];
  return [
    lacks('missing', {
      id: 'kernel',
      title: 'kernel',
      found: kernelRelease,
      effect: 'cgroup.kill, close_range or mount_setattr is missing: containers cannot be started safely',
      remedy: 'use Linux 5.14 or later',
    }),
  ];
}

function shim({ shim: path, exists }: DoctorHost): readonly Finding[] {
  if (exists(path)) return [fine('shim', 'shim', path)];
  const lack = {
    effect: 'containers cannot be started',
    remedy: 'npm run build (it needs a C compiler: apt-get install gcc)',
  };
  return [lacks('missing', { id: 'shim', title: 'shim', found: `${path} does not exist`, ...lack })];
}

function certificates({ environment, nodeVersion }: DoctorHost): readonly Finding[] {
  const bundle = environment['NODE_EXTRA_CA_CERTS'];
  if (bundle === undefined || Number(nodeVersion.split('.')[0]) >= 22) return [];
  return [
    lacks('limited', {
      id: 'certificates',
      title: 'NODE_EXTRA_CA_CERTS',
      found: bundle,
      effect: `Node ${nodeVersion} reads it at every start, which doubles the time of every command`,
      remedy: 'unset NODE_EXTRA_CA_CERTS, or use Node 22',
    }),
  ];
}
