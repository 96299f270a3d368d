import type { Probes } from './probe.ts';
import type { Origin } from './source.ts';
import type { Bytes, GuestPath, HostPath, Millis, ProjectName, ServiceName, SignalName } from './units.ts';

export type { LivenessProbe, Probe, ProbeCheck, Probes } from './probe.ts';

/**
 * The resolved stack: defaults filled in, paths absolute, variables gone. No optional field here means "default"; an
 * absent one means "the user did not ask for it".
 */
export type Project = {
  readonly name: ProjectName;
  readonly directory: HostPath;
  readonly files: readonly HostPath[];
  /** Sorted by name; services whose profile is off are not here but in `disabledServices`. */
  readonly services: readonly Service[];
  readonly disabledServices: readonly ServiceName[];
  readonly volumes: readonly Volume[];
  readonly networks: readonly Network[];
};

export type Service = {
  readonly name: ServiceName;
  /** Number of containers wanted; 0 keeps the service known but empty. */
  readonly replicas: number;
  readonly containerName?: string;
  readonly dependsOn: readonly Dependency[];
  readonly profiles: readonly string[];
  /** false: attached `up` leaves this service's output out unless it is named. */
  readonly attach: boolean;
  readonly config: ContainerConfig;
  readonly update?: UpdatePolicy;
  /** `develop.watch`, in order. */
  readonly watch?: readonly WatchRule[];
  /** Where each value of `config` was written, by its path ("environment.PORT", "mounts.0"); "" is the service's key. */
  readonly origins: Origins;
};

export type Origins = { readonly [path: string]: Origin };

export type DependencyCondition =
  | 'service_started'
  | 'service_healthy'
  | 'service_completed_successfully'
  | 'service_completed'
  | 'service_log_line';

export type Dependency = {
  readonly service: ServiceName;
  readonly condition: DependencyCondition;
  /** Only for `service_log_line`: the regular expression to wait for. */
  readonly pattern?: string;
  /** Restart the dependent when this dependency is restarted or recreated. */
  readonly restart: boolean;
  readonly required: boolean;
};

/**
 * Everything that makes a container what it is, as canonical, JSON-serialisable data: it is at once what the runtime
 * builds from, what is stored beside the container, and the fingerprint that a later plan compares field by field.
 * Order of keys in the stack file leaves no trace here. Bump `fingerprintVersion` (project/fingerprint.ts) when the
 * meaning of a field changes.
 */
export type ContainerConfig = {
  readonly rootfs: RootfsSource;
  /** `image:` as written; shown in `ps`, never looked up here (the image map has already turned it into `rootfs`). */
  readonly image?: string;
  /** entrypoint and command joined, shell words split; never empty. */
  readonly argv: readonly string[];
  readonly environment: { readonly [name: string]: string };
  readonly workingDir?: GuestPath;
  /** As written: `uid[:gid]`, `name[:group]`; resolved inside the rootfs when the container is made. */
  readonly user?: string;
  readonly groupAdd: readonly string[];
  readonly hostname?: string;
  readonly domainname?: string;
  /** In configuration order, parents before children. */
  readonly mounts: readonly Mount[];
  readonly shmSizeBytes: Bytes;
  readonly readOnly: boolean;
  readonly resources: Resources;
  readonly ulimits: readonly Ulimit[];
  readonly oomScoreAdj?: number;
  readonly sysctls: { readonly [key: string]: string };
  readonly devices: readonly Device[];
  /** `TYPE MAJOR:MINOR PERMS`, as in `device_cgroup_rules`. */
  readonly deviceCgroupRules: readonly string[];
  /** true: our tiny init is PID 1 (the default); false: the command itself is. */
  readonly init: boolean;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly stopSignal: SignalName;
  readonly stopGraceMs: Millis;
  /** Without `CAP_`, upper case, sorted; `ALL` allowed. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  /** `default`, `unconfined`, or the text of the profile. */
  readonly seccomp: string;
  /** false: Docker's masked and read-only paths are left out (`security_opt: systempaths=unconfined`). */
  readonly maskPaths: boolean;
  readonly networkMode: NetworkMode;
  readonly networks: readonly NetworkAttachment[];
  readonly ports: readonly PublishedPort[];
  readonly extraHosts: readonly string[];
  /** `SERVICE` or `SERVICE:ALIAS`: names that only this container knows a service by. */
  readonly links?: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly labels: { readonly [name: string]: string };
  readonly annotations: { readonly [name: string]: string };
  readonly logging: Logging;
  /** Offsets of the container's own time namespace. */
  readonly clock?: { readonly monotonicMs: Millis; readonly boottimeMs: Millis };
  readonly restart: RestartPolicy;
  readonly healthcheck?: Healthcheck;
  readonly probes?: Probes;
  readonly hooks: Hooks;
};

export type RootfsSource =
  | { readonly kind: 'directory'; readonly path: HostPath }
  | { readonly kind: 'tarball'; readonly path: HostPath }
  | { readonly kind: 'host'; readonly programs: readonly string[] };

export type Propagation = 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave';

export type Mount =
  | {
      readonly kind: 'bind';
      readonly source: HostPath;
      readonly target: GuestPath;
      readonly readOnly: boolean;
      /** Make the source directory when it is missing (compose's short form). */
      readonly createHostPath: boolean;
      readonly propagation: Propagation;
      readonly recursive: boolean;
    }
  | {
      readonly kind: 'volume';
      /** The volume's real name; absent for an anonymous volume, which belongs to this container. */
      readonly volume?: string;
      readonly target: GuestPath;
      readonly readOnly: boolean;
      /** Do not fill an empty volume with what the rootfs has at `target`. */
      readonly noCopy: boolean;
      readonly subpath?: string;
      /** Its data lies where this machine does not mount it from ("nfs :/export"): it can be named, and not be used. */
      readonly elsewhere?: string;
    }
  | {
      readonly kind: 'tmpfs';
      readonly target: GuestPath;
      readonly readOnly: boolean;
      readonly sizeBytes?: Bytes;
      /** Permission bits, e.g. 0o1777. */
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
      /** Further mount flags by name: `exec`, `nosuid` …; Docker's default is noexec,nosuid,nodev. */
      readonly options: readonly string[];
    }
  | {
      /** A config or secret: a file with this content on a private tmpfs. */
      readonly kind: 'file';
      readonly target: GuestPath;
      readonly content: { readonly sha256: string; readonly path?: HostPath; readonly text?: string };
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly secret: boolean;
    };

/** Absent means unlimited. Cgroup files: kernel.md §3.2. */
export type Resources = {
  /** CFS budget per period, in microseconds. */
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  /** Relative weight, 1024 = normal (cgroup v1 scale). */
  readonly cpuShares?: number;
  /** cpuset list format (cpuset(7)): `0-3,5`. */
  readonly cpuset?: string;
  readonly memoryBytes?: Bytes;
  readonly memoryReservationBytes?: Bytes;
  /** Memory plus swap; -1 is unlimited. */
  readonly memorySwapBytes?: Bytes;
  readonly memorySwappiness?: number;
  readonly oomKillDisable: boolean;
  readonly pids?: number;
  readonly blkio: readonly BlkioRule[];
  /** 10..1000. */
  readonly blkioWeight?: number;
  readonly cgroupParent?: string;
};

export type BlkioRule = {
  readonly kind: 'weight' | 'read_bps' | 'write_bps' | 'read_iops' | 'write_iops';
  /** A block device on the host. */
  readonly device: HostPath;
  readonly value: number;
};

/** Soft and hard rlimit; -1 is unlimited. Names without `RLIMIT_`, lower case. */
export type Ulimit = { readonly name: string; readonly soft: number; readonly hard: number };

export type Device = {
  readonly source: HostPath;
  readonly target: GuestPath;
  /** Subset of "rwm", in that order. */
  readonly permissions: string;
};

export type NetworkMode =
  | { readonly kind: 'networks' }
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  | { readonly kind: 'service'; readonly service: ServiceName }
  | { readonly kind: 'container'; readonly container: string };

export type NetworkAttachment = {
  /** Key under top-level `networks:`. */
  readonly network: string;
  readonly aliases: readonly string[];
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
  readonly interfaceName?: string;
  /** Further addresses of the interface, IPv4 with /16 and IPv6 with /64. */
  readonly linkLocalIps?: readonly string[];
  readonly priority: number;
  readonly gatewayPriority: number;
};

export type PublishedPort = {
  readonly hostIp?: string;
  /** First and last host port; absent: the kernel chooses. */
  readonly published?: { readonly first: number; readonly last: number };
  readonly target: number;
  readonly protocol: 'tcp' | 'udp';
};

export type Logging = {
  /** `none` keeps nothing. */
  readonly driver: 'file' | 'none';
  /** A log file is rotated when the next record would exceed this. */
  readonly maxSizeBytes: Bytes;
  /** How many files are kept, the current one included. */
  readonly maxFiles: number;
};

export type RestartPolicy = {
  readonly condition: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  readonly maxAttempts?: number;
  /** Fixed delay before a restart; absent: back-off. */
  readonly delayMs?: Millis;
  /** A start that lived this long is a success and resets the count of attempts. */
  readonly windowMs?: Millis;
  /** Ends a crash loop: more than `ends` ends within `withinMs`, and it is left alone. Absent: back-off goes on for ever. */
  readonly startLimit?: { readonly ends: number; readonly withinMs: Millis };
};

export type Healthcheck = {
  /** `CMD-SHELL` has become `/bin/sh -c`. */
  readonly argv: readonly string[];
  readonly intervalMs: Millis;
  readonly timeoutMs: Millis;
  readonly retries: number;
  readonly startPeriodMs: Millis;
  readonly startIntervalMs: Millis;
};

export type Hook = {
  readonly argv: readonly string[];
  readonly user?: string;
  readonly privileged: boolean;
  readonly workingDir?: GuestPath;
  readonly environment: { readonly [name: string]: string };
};

export type Hooks = {
  readonly preStart: readonly Hook[];
  readonly postStart: readonly Hook[];
  readonly preStop: readonly Hook[];
  readonly postStop: readonly Hook[];
};

export type UpdatePolicy = {
  readonly order: 'start-first' | 'stop-first';
  /** 0: all at once. */
  readonly parallelism: number;
  readonly delayMs: Millis;
  readonly monitorMs: Millis;
  readonly failureAction: 'pause' | 'continue' | 'rollback';
  /** How an update that did not succeed is taken back; absent: all at once. */
  readonly rollback?: UpdatePolicy;
};

export type Volume = {
  /** Key under top-level `volumes:`. */
  readonly key: string;
  /** Real name: `<project>_<key>` unless `name:` says otherwise. */
  readonly name: string;
  readonly external: boolean;
  readonly labels: { readonly [name: string]: string };
  /** `local` driver options (`type`, `o`, `device`): a mount(8) call. */
  readonly driverOptions: { readonly [name: string]: string };
  readonly origin?: Origin;
};

export type Network = {
  readonly key: string;
  readonly name: string;
  readonly driver: 'bridge';
  readonly external: boolean;
  readonly internal: boolean;
  /** Absent: it has IPv4 addresses. */
  readonly enableIpv4?: false;
  readonly enableIpv6: boolean;
  readonly subnets: readonly Subnet[];
  readonly labels: { readonly [name: string]: string };
  readonly options?: BridgeOptions;
  readonly origin?: Origin;
};

/** What `driver_opts` of a network say. */
export type BridgeOptions = {
  /** Of every interface on it, in bytes. */
  readonly mtu?: number;
  /** Of the bridge, in the project's router. */
  readonly bridgeName?: string;
  /** Interfaces in containers are called so, with a number behind. */
  readonly interfacePrefix?: string;
  /** Containers on it reach the outside, and published ports, but not each other. */
  readonly isolated?: true;
  /** Address of the host where ports are published that name none. */
  readonly hostIp?: string;
};

export type Subnet = {
  /** CIDR notation. */
  readonly subnet: string;
  readonly gateway?: string;
  readonly ipRange?: string;
  readonly auxAddresses: { readonly [host: string]: string };
};

export type WatchAction = 'sync' | 'restart' | 'rebuild' | 'sync+restart' | 'sync+exec';

/** One rule of `develop.watch`: what happens in the service when something below `path` changes. */
export type WatchRule = {
  /** A file or directory on the host, symbolic links resolved. */
  readonly path: HostPath;
  readonly action: WatchAction;
  /** Where `path` lies in the container; absent for `restart` and `rebuild`. */
  readonly target?: GuestPath;
  /** Patterns in the language of .dockerignore, relative to `path`. */
  readonly ignore: readonly string[];
  /** When not empty, only what one of these matches counts. */
  readonly include: readonly string[];
  /** For `sync+exec`: run once per batch, after the copy. */
  readonly exec?: Hook;
  readonly initialSync: boolean;
  /** The build context around `path`, whose .dockerignore counts as well. */
  readonly context?: HostPath;
};
