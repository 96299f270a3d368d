import { describe, expect, it, vi } from 'vitest';
import type { ContainerConfig } from '../../../../src/model/project.ts';
import type { ContainerName, HostPath, ProjectName } from '../../../../src/model/units.ts';
import type { HostFacts } from '../../../../src/runtime/linux/host-facts.ts';
import { containerPaths, hostPaths, projectPaths } from '../../../../src/runtime/linux/paths.ts';
import type { ContainerFacts } from '../../../../src/runtime/linux/sandbox/facts.ts';
import { config } from '../../../support/builders.ts';

const project = 'shop' as ProjectName;
const hierarchy = (...controllers: string[]) => ({ controllers, base: `/sys/fs/cgroup/${controllers.join(',')}` });
const mixed = {
  v1: [hierarchy('memory'), hierarchy('devices'), hierarchy('pids')],
  v2: { base: '/sys/fs/cgroup/unified', controllers: [] },
};
const unified = { v1: [], v2: { base: '/sys/fs/cgroup', controllers: ['memory', 'pids', 'cpu'] } };
const paired = { v1: [hierarchy('memory'), hierarchy('cpu', 'cpuacct')] };

const host: HostFacts = {
  cgroups: mixed,
  capabilities: (1n << 41n) - 1n,
  cpus: 2,
  kcore: true,
  arch: 'x64',
};

type Case = { readonly config?: Partial<ContainerConfig>; readonly facts?: Partial<ContainerFacts> };

/** Each differs from the first in something that ops which containers share may depend on. */
const cases: { readonly [what: string]: Case } = {
  usual: {},
  'another project': { facts: { project: 'other' } },
  'no network': { config: { networkMode: { kind: 'none' } } },
  'the network of the host': { config: { networkMode: { kind: 'host' } } },
  privileged: { config: { privileged: true } },
  'more shared memory': { config: { shmSizeBytes: 4096 as ContainerConfig['shmSizeBytes'] } },
  'something mounted over /dev/shm': {
    config: { mounts: [{ kind: 'tmpfs', target: '/dev/shm', options: [], readOnly: false }] as never },
  },
  'a terminal': { config: { tty: true, stdinOpen: true } },
  'no init': { config: { init: false } },
  'only init': { facts: { initOnly: true } },
  'nothing masked': { config: { maskPaths: false } },
  'another number of CPUs': { facts: { cpus: 3 } },
  'no /proc/kcore': { facts: { kcore: false } },
  'another machine': { facts: { arch: 'arm64' } },
  'a capability more': { config: { capAdd: ['SYS_TIME'] } },
  'the usual ones, by name': { config: { capAdd: ['CHOWN'] } },
  'a capability less': { config: { capDrop: ['CHOWN'] } },
  unconfined: { config: { seccomp: 'unconfined' } },
  'a sysctl of its own': { config: { sysctls: { 'net.ipv4.ip_unprivileged_port_start': '1024' } } },
  'cgroup2 alone': { facts: { cgroups: unified } },
  'cgroup2 alone, privileged': { config: { privileged: true }, facts: { cgroups: unified } },
  'two controllers in one hierarchy': { facts: { cgroups: paired } },
};

type Modules = {
  readonly sandbox: typeof import('../../../../src/runtime/linux/sandbox.ts');
  readonly frame: typeof import('../../../../src/runtime/linux/frame.ts');
};

/** As a process has them that has not yet made any container. */
async function freshModules(): Promise<Modules> {
  vi.resetModules();
  return {
    sandbox: await import('../../../../src/runtime/linux/sandbox.ts'),
    frame: await import('../../../../src/runtime/linux/frame.ts'),
  };
}

function planned({ sandbox, frame }: Modules, one: Case, name: string) {
  const at = projectPaths(hostPaths({}), (one.facts?.project ?? project) as ProjectName);
  const facts: ContainerFacts = {
    ...host,
    bfq: false,
    project,
    name,
    paths: containerPaths(at, name as ContainerName),
    lowers: ['/srv/rootfs' as HostPath],
    user: { uid: 0, gid: 0, groups: [0], home: '/root' },
    volumes: new Map(),
    files: new Map(),
    kept: [],
    devices: [],
    blockDevices: new Map(),
    ...one.facts,
  };
  const made = sandbox.planSandbox(config(one.config), facts);
  if (!made.ok) throw new Error(made.error.message);
  const { program } = made.value;
  return { program, bytes: frame.encodeFrame(2, 1, program) };
}

describe('what containers share', () => {
  it('depends on nothing that differs between them', async () => {
    const one = await freshModules();
    for (const each of Object.values(cases)) planned(one, each, 'shop-first-1');
    for (const [what, each] of Object.entries(cases)) {
      const alone = planned(await freshModules(), each, 'shop-web-1');
      const among = planned(one, each, 'shop-web-1');
      expect(among.program, what).toEqual(alone.program);
      expect(among.bytes.equals(alone.bytes), what).toBe(true);
    }
  });

  it('is in the frame of each as if it were its own', async () => {
    const modules = await freshModules();
    const { program, bytes } = planned(modules, {}, 'shop-web-1');
    const copied = program.map(({ phase, ops }) => ({ phase, ops: ops.map((op) => ({ ...op })) }));
    expect(modules.frame.encodeFrame(2, 1, copied).equals(bytes)).toBe(true);
    expect(planned(modules, {}, 'shop-web-1').bytes.equals(bytes)).toBe(true);
  });
});
