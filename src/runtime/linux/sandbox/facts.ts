import type { CgroupHost } from '../cgroup/detect.ts';
import type { SetupOp } from '../frame.ts';
import type { SupervisorCommand } from '../options.ts';
import type { ContainerPaths } from '../paths.ts';

/** What the machine adds to a `ContainerConfig`: everything the setup program needs to know and must not look up itself. */
export type ContainerFacts = {
  readonly project: string;
  readonly name: string;
  readonly paths: ContainerPaths;
  /** Directories of the root filesystem, the topmost first. */
  readonly lowers: readonly string[];
  readonly user: ResolvedUser;
  /** The host directory of each `volume` mount, by its index in `config.mounts`. */
  readonly volumes: ReadonlyMap<number, string>;
  /** The host file of each `file` mount, by its index in `config.mounts`. */
  readonly files: ReadonlyMap<number, string>;
  /** Small files of the host that are written before all else: what a killed command leaves must be known by its record. */
  readonly kept: readonly KeptFile[];
  readonly devices: readonly DeviceNode[];
  /** `major:minor` of each block device that a blkio rule names, by its host path. */
  readonly blockDevices: ReadonlyMap<string, string>;
  readonly cgroups: CgroupHost;
  /** The CPUs and memory nodes we may use, where cpuset is a v1 hierarchy. */
  readonly cpuset?: { readonly cpus: string; readonly mems: string };
  /** Capabilities we may hand on: our own bounding set. */
  readonly capabilities: bigint;
  /** For masks under /sys/devices/system/cpu. */
  readonly cpus: number;
  /** A block device is driven by BFQ, the scheduler that has weights. */
  readonly bfq: boolean;
  /** /dev/core is a link to /proc/kcore only where that exists. */
  readonly kcore: boolean;
  /** Seccomp programs are made for one architecture. */
  readonly arch: 'x64' | 'arm64';
  /** The network namespace to join instead of making one. */
  readonly netns?: string;
  /** Only the tiny init is started; commands are brought in with exec. */
  readonly initOnly?: boolean;
  /**
   * Who is woken, by which lock only one of them can be, and the file for what it complains of; and where the keeper is,
   * which wakes it when a monitor is killed.
   */
  readonly supervisor?: SupervisorCommand & {
    readonly lock: string;
    readonly diary: string;
    readonly keeper: { readonly lock: string; readonly socket: string };
    /** Woken at every end, whatever the configuration says: the container has to be cleared away. */
    readonly clearsAway: boolean;
  };
  /** On networks that its monitor can connect it to: how. */
  readonly interfaces?: readonly SetupOp[];
  /** On a network: the fifo that the net process holds open, and what brings that process back. */
  readonly netProcess?: { readonly alive: string; readonly argv: readonly string[] };
};

export type KeptFile = {
  /** On the host. */
  readonly path: string;
  readonly content: string;
  readonly mode: number;
};

export type ResolvedUser = {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  readonly home: string;
};

export type DeviceNode = {
  /** Where it appears in the container. */
  readonly target: string;
  readonly type: 'c' | 'b';
  readonly major: number;
  readonly minor: number;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Subset of "rwm". */
  readonly permissions: string;
  readonly configPath?: string;
};
