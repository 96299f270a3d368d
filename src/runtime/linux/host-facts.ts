import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type CgroupHost, detectCgroups } from './cgroup/detect.ts';
import { type Recent, recent, stillTrue } from './monotonic.ts';

/** What is the same for every container of a session. */
export type HostFacts = {
  readonly cgroups: CgroupHost;
  readonly cpuset?: { readonly cpus: string; readonly mems: string };
  readonly capabilities: bigint;
  readonly cpus: number;
  readonly kcore: boolean;
  readonly arch: 'x64' | 'arm64';
};

/** What one more process in a container needs to know of it. */
export function readProcessFacts(): Pick<HostFacts, 'capabilities' | 'arch'> {
  return { capabilities: ownCapabilities(), arch: process.arch === 'arm64' ? 'arm64' : 'x64' };
}

/** Preflight looks at the machine, and a moment later the session does. */
export function readHostFacts(): HostFacts {
  const known = stillTrue(lastFacts);
  if (known !== undefined) return known;
  const facts = lookUpHostFacts();
  lastFacts = recent(facts);
  return facts;
}

let lastFacts: Recent<HostFacts> | undefined;

function lookUpHostFacts(): HostFacts {
  const cgroups = detectCgroups({
    membership: readFileSync('/proc/self/cgroup', 'utf8'),
    mounts: readFileSync('/proc/self/mountinfo', 'utf8'),
    controllersIn: (directory) => readText(`${directory}/cgroup.controllers`),
  });
  const cpuset = cgroups.v1.find(({ controllers }) => controllers.includes('cpuset'))?.base;
  const facts = {
    cgroups,
    ...readProcessFacts(),
    cpus: countOf(readText('/sys/devices/system/cpu/possible') ?? '0'),
    kcore: existsSync('/proc/kcore'),
  };
  if (cpuset === undefined) return facts;
  const read = (file: string): string => (readText(`${cpuset}/${file}`) ?? '0').trim();
  return { ...facts, cpuset: { cpus: read('cpuset.cpus'), mems: read('cpuset.mems') } };
}

/** The bounding set: root's new processes get nothing beyond it, so there is nothing beyond it to hand on. */
function ownCapabilities(): bigint {
  const line = /^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return BigInt(`0x${line?.[1] ?? '0'}`);
}

/** `0-3` → 4: one more than the highest number of a CPU list. */
const countOf = (list: string): number => 1 + Math.max(...list.trim().split(/[-,]/).map(Number));

/** A block device is driven by BFQ, the scheduler that has weights. */
export function usesBfq(): boolean {
  try {
    return readdirSync('/sys/block').some((name) => readText(`/sys/block/${name}/queue/scheduler`)?.includes('[bfq]'));
  } catch {
    return false;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
