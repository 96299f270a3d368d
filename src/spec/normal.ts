import type * as z from 'zod';
import type { hook } from './schema-container.ts';
import type { watchRule } from './schema-service.ts';
import type { ServiceInput, StackInput } from './schema-top.ts';
import type { longVolume } from './schema-volume.ts';
import type { healthcheck } from './schema-workload.ts';

/**
 * The canonical form as types, derived from the schema: the long form of every key, with numbers as numbers, sizes as
 * decimal text and durations as Go prints them.
 */
export type NormalStack = Omit<
  StackInput,
  'services' | 'networks' | 'volumes' | 'configs' | 'secrets' | 'version' | 'include' | 'x-tscompose'
> & {
  readonly services?: Elements<NormalService>;
  readonly networks?: Elements<NormalNetwork>;
  readonly volumes?: Elements<NormalVolume>;
  readonly configs?: Elements<NormalFile>;
  readonly secrets?: Elements<NormalFile>;
  readonly 'x-tscompose'?: { readonly images?: Elements<NormalImage> };
};

type Elements<T> = { readonly [name: string]: T };
type Texts = { readonly [name: string]: string };
type TextsOrNull = { readonly [name: string]: string | null };

type Flags = 'attach' | 'init' | 'oom_kill_disable' | 'privileged' | 'read_only' | 'stdin_open' | 'tty';
type Numbers = 'cpu_period' | 'cpu_quota' | 'cpu_shares' | 'cpus' | 'oom_score_adj' | 'pids_limit' | 'scale';
type Sizes = 'mem_limit' | 'mem_reservation' | 'memswap_limit' | 'mem_swappiness' | 'shm_size';
type TextLists = 'dns' | 'dns_search' | 'expose' | 'extra_hosts' | 'group_add' | 'label_file' | 'tmpfs';
type TextMaps = 'annotations' | 'labels' | 'sysctls';

type Rewritten =
  | Flags
  | Numbers
  | Sizes
  | TextLists
  | TextMaps
  | 'blkio_config'
  | 'build'
  | 'command'
  | 'configs'
  | 'depends_on'
  | 'deploy'
  | 'develop'
  | 'devices'
  | 'entrypoint'
  | 'env_file'
  | 'environment'
  | 'healthcheck'
  | 'logging'
  | 'networks'
  | 'ports'
  | 'post_start'
  | 'pre_start'
  | 'pre_stop'
  | 'secrets'
  | 'ulimits'
  | 'volumes'
  | 'x-tscompose';

export type NormalService = Omit<ServiceInput, Rewritten> & { readonly [K in Flags]?: boolean } & {
  readonly [K in Numbers]?: number;
} & { readonly [K in Sizes]?: string } & { readonly [K in TextLists]?: readonly string[] } & {
  readonly [K in TextMaps]?: Texts;
} & {
  readonly blkio_config?: NormalBlkio;
  readonly build?: { readonly [key: string]: unknown };
  readonly command?: readonly string[] | null;
  readonly entrypoint?: readonly string[] | null;
  readonly configs?: readonly NormalFileReference[];
  readonly secrets?: readonly NormalFileReference[];
  readonly depends_on?: Elements<NormalDependency>;
  readonly deploy?: NormalDeploy | null;
  readonly develop?: { readonly watch?: readonly NormalWatch[] } | null;
  readonly devices?: readonly { readonly source: string; readonly target: string; readonly permissions: string }[];
  readonly env_file?: readonly { readonly path: string; readonly required: boolean; readonly format?: string }[];
  readonly environment?: TextsOrNull;
  readonly healthcheck?: NormalHealthcheck;
  readonly logging?: { readonly driver?: string; readonly options?: Texts };
  readonly networks?: Elements<NormalAttachment | null>;
  readonly ports?: readonly NormalPort[];
  readonly post_start?: readonly NormalHook[];
  readonly pre_start?: readonly NormalHook[];
  readonly pre_stop?: readonly NormalHook[];
  readonly ulimits?: Elements<number | { readonly soft: number; readonly hard: number }>;
  readonly volumes?: readonly NormalMount[];
  readonly 'x-tscompose'?: NormalExtension;
};

type NormalRate = { readonly path: string; readonly rate: string };
export type NormalBlkio = {
  readonly weight?: number;
  readonly weight_device?: readonly { readonly path: string; readonly weight: number }[];
  readonly device_read_bps?: readonly NormalRate[];
  readonly device_write_bps?: readonly NormalRate[];
  readonly device_read_iops?: readonly NormalRate[];
  readonly device_write_iops?: readonly NormalRate[];
};

export type NormalFileReference = {
  readonly source: string;
  readonly target?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly mode?: string;
};

export type NormalDependency = { readonly condition: string; readonly restart?: boolean; readonly required: boolean };

type Limits = { readonly cpus?: number; readonly memory?: string; readonly pids?: number };
export type NormalUpdate = {
  readonly parallelism?: number;
  readonly delay?: string;
  readonly failure_action?: string;
  readonly monitor?: string;
  readonly order?: 'start-first' | 'stop-first';
};
export type NormalDeploy = {
  readonly replicas?: number;
  readonly labels?: Texts;
  readonly resources?: { readonly limits?: Limits; readonly reservations?: Limits };
  readonly restart_policy?: {
    readonly condition?: 'none' | 'on-failure' | 'any';
    readonly delay?: string;
    readonly max_attempts?: number;
    readonly window?: string;
  };
  readonly update_config?: NormalUpdate;
  readonly rollback_config?: NormalUpdate;
};

export type NormalWatch = Omit<z.infer<typeof watchRule>, 'ignore' | 'include' | 'exec' | 'initial_sync'> & {
  readonly ignore?: readonly string[];
  readonly include?: readonly string[];
  readonly exec?: NormalHook;
  readonly initial_sync?: boolean;
};

export type NormalHook = Omit<z.infer<typeof hook>, 'command' | 'privileged' | 'environment'> & {
  readonly command?: readonly string[] | null;
  readonly privileged?: boolean;
  readonly environment?: TextsOrNull;
};

export type NormalHealthcheck = Omit<z.infer<typeof healthcheck>, 'test' | 'retries' | 'disable'> & {
  readonly test?: readonly string[];
  readonly retries?: number;
  readonly disable?: boolean;
};

export type NormalAttachment = {
  readonly aliases?: readonly string[];
  readonly interface_name?: string;
  readonly ipv4_address?: string;
  readonly ipv6_address?: string;
  readonly link_local_ips?: readonly string[];
  readonly mac_address?: string;
  readonly priority?: number;
  readonly gw_priority?: number;
};

export type NormalPort = {
  readonly target: number;
  readonly published?: string;
  readonly host_ip?: string;
  readonly protocol: string;
};

export type NormalMount = Omit<z.infer<typeof longVolume>, 'read_only' | 'bind' | 'volume' | 'tmpfs'> & {
  readonly type: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly bind?: { readonly propagation?: string; readonly create_host_path?: boolean; readonly recursive?: string };
  readonly volume?: { readonly nocopy?: boolean; readonly subpath?: string };
  readonly tmpfs?: { readonly size?: string; readonly mode?: string };
};

export type NormalExtension = {
  readonly rootfs?: NormalRootfs;
  readonly clock?: { readonly monotonic?: string; readonly boottime?: string };
  readonly probes?: { readonly readiness?: NormalProbe; readonly liveness?: NormalLiveness };
  readonly post_stop?: readonly NormalHook[];
  readonly start_limit?: { readonly burst?: number; readonly interval?: string };
  readonly depends_on?: Elements<{
    readonly condition: 'service_completed' | 'service_log_line';
    readonly pattern?: string;
  }>;
};

export type NormalProbe = {
  readonly http?: {
    readonly port: number;
    readonly path?: string;
    readonly scheme?: 'http' | 'https';
    readonly status?: number;
  };
  readonly tcp?: { readonly port: number };
  readonly exec?: { readonly command: readonly string[] | null; readonly user?: string };
  readonly log?: { readonly pattern: string };
  readonly notify?: boolean;
  readonly interval?: string;
  readonly timeout?: string;
  readonly retries?: number;
  readonly start_period?: string;
};
export type NormalLiveness = NormalProbe & { readonly action?: 'restart' | 'stop' | 'none' };

export type NormalRootfs = string | { readonly host?: readonly string[] };

/** An entry of the image map; what is not named here is taken from the tree as it is. */
export type NormalImage = { readonly rootfs?: NormalRootfs };

export type NormalNetwork = {
  readonly name?: string;
  readonly driver?: string;
  readonly external?: boolean;
  readonly internal?: boolean;
  readonly enable_ipv4?: boolean;
  readonly enable_ipv6?: boolean;
  readonly labels?: Texts;
  readonly driver_opts?: Texts;
  readonly ipam?: {
    readonly config?: readonly {
      readonly subnet?: string;
      readonly gateway?: string;
      readonly ip_range?: string;
      readonly aux_addresses?: Texts;
    }[];
  };
};

export type NormalVolume = {
  readonly name?: string;
  readonly driver?: string;
  readonly driver_opts?: Texts;
  readonly external?: boolean;
  readonly labels?: Texts;
};

export type NormalFile = {
  readonly name?: string;
  readonly file?: string;
  readonly environment?: string;
  readonly content?: string;
  readonly external?: boolean;
};
