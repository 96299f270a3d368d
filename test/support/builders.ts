import type { Change } from '../../src/model/plan.ts';
import type { ContainerConfig, Dependency, Network, Volume } from '../../src/model/project.ts';
import type { Origin, SourceFile } from '../../src/model/source.ts';
import type {
  ContainerStatus,
  DesiredContainer,
  DesiredState,
  ObservedContainer,
  ObservedState,
} from '../../src/model/state.ts';
import type {
  Bytes,
  ContainerName,
  HostPath,
  Millis,
  ProjectName,
  ServiceName,
  SignalName,
} from '../../src/model/units.ts';

export const project = 'shop' as ProjectName;

/** A container as an almost empty service definition makes it. */
export function config(overrides: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    rootfs: { kind: 'directory', path: '/srv/rootfs' as HostPath },
    argv: ['/bin/app'],
    environment: {},
    groupAdd: [],
    mounts: [],
    shmSizeBytes: (64 << 20) as Bytes,
    readOnly: false,
    resources: { oomKillDisable: false, blkio: [] },
    ulimits: [],
    sysctls: {},
    devices: [],
    deviceCgroupRules: [],
    init: true,
    tty: false,
    stdinOpen: false,
    stopSignal: 'SIGTERM' as SignalName,
    stopGraceMs: 10_000 as Millis,
    capAdd: [],
    capDrop: [],
    privileged: false,
    noNewPrivileges: false,
    seccomp: 'default',
    maskPaths: true,
    networkMode: { kind: 'networks' },
    networks: [],
    ports: [],
    extraHosts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    labels: {},
    annotations: {},
    logging: { driver: 'file', maxSizeBytes: (10 << 20) as Bytes, maxFiles: 3 },
    restart: { condition: 'no' },
    hooks: { preStart: [], postStart: [], preStop: [], postStop: [] },
    ...overrides,
  };
}

/** `db`, `db healthy`, `db completed successfully`; `+restart` and `+optional` may follow. */
export function needs(text: string): Dependency {
  const restart = text.includes('+restart');
  const required = !text.includes('+optional');
  const [service = '', ...words] = text.replace(/\+\w+/g, '').trim().split(' ');
  const condition = conditions[words.join(' ')];
  if (condition === undefined) throw new Error(`no condition "${words.join(' ')}"`);
  return { service: service as ServiceName, condition, restart, required };
}

const conditions: Record<string, Dependency['condition']> = {
  '': 'service_started',
  started: 'service_started',
  healthy: 'service_healthy',
  'completed successfully': 'service_completed_successfully',
  completed: 'service_completed',
};

export type ServiceSketch = {
  readonly name: string;
  readonly replicas?: number;
  readonly containerName?: string;
  readonly needs?: readonly string[];
  readonly config?: Partial<ContainerConfig>;
  readonly origins?: DesiredContainer['origins'];
};

export function containersOf(sketch: ServiceSketch): readonly DesiredContainer[] {
  const { name, replicas = 1, containerName } = sketch;
  return Array.from({ length: replicas }, (_, index) => ({
    name: (containerName ?? `${project}-${name}-${index + 1}`) as ContainerName,
    service: name as ServiceName,
    number: index + 1,
    config: config(sketch.config),
    dependsOn: (sketch.needs ?? []).map(needs),
    origins: sketch.origins ?? {},
  }));
}

export type StackSketch = {
  readonly volumes?: readonly Volume[];
  readonly networks?: readonly Network[];
  readonly disabled?: readonly string[];
};

export function desiredState(services: readonly ServiceSketch[], rest: StackSketch = {}): DesiredState {
  return {
    project,
    services: services.map(({ name }) => name as ServiceName).sort(),
    containers: services.flatMap(containersOf),
    volumes: rest.volumes ?? [],
    networks: rest.networks ?? [],
    disabledServices: (rest.disabled ?? []) as ServiceName[],
  };
}

export const running: ContainerStatus = { kind: 'running', pid: 100, startedAtMs: 1000 };
export const exited = (exitCode: number | null = 0): ContainerStatus => ({
  kind: 'exited',
  exitCode,
  oomKilled: false,
  startedAtMs: 1000,
  finishedAtMs: 2000,
});

/** A container that was made from `desired`. */
export function observe(desired: DesiredContainer, overrides: Partial<ObservedContainer> = {}): ObservedContainer {
  const { name, service, number, dependsOn } = desired;
  return {
    name,
    service,
    number,
    config: desired.config,
    fingerprintVersion: 1,
    dependsOn,
    createdAtMs: 500,
    status: running,
    monitored: true,
    stoppedByUser: false,
    restarts: 0,
    ...overrides,
  };
}

/** The machine on which everything that `desired` asks for runs; `changes` by container name. */
export function observedState(
  desired: DesiredState,
  changes: { readonly [container: string]: Partial<ObservedContainer> | null } = {},
): ObservedState {
  return {
    project,
    containers: desired.containers
      .filter(({ name }) => changes[name] !== null)
      .map((container) => observe(container, changes[container.name] ?? {})),
    volumes: desired.volumes.filter(({ external }) => !external).map(({ name, key }) => ({ name, key })),
    networks: desired.networks.filter(({ external }) => !external).map((network) => ({ name: network.name, network })),
  };
}

export const nothing: ObservedState = { project, containers: [], volumes: [], networks: [] };

export const volume = (key: string, overrides: Partial<Volume> = {}): Volume => ({
  key,
  name: `${project}_${key}`,
  external: false,
  labels: {},
  driverOptions: {},
  ...overrides,
});

export const network = (key: string, overrides: Partial<Network> = {}): Network => ({
  key,
  name: `${project}_${key}`,
  driver: 'bridge',
  external: false,
  internal: false,
  enableIpv6: false,
  subnets: [],
  labels: {},
  ...overrides,
});

export const attach = (key: string): ContainerConfig['networks'][number] => ({
  network: key,
  aliases: [],
  priority: 0,
  gatewayPriority: 0,
});

/** The range of the first occurrence of `text` in a file. */
export function originOf(file: SourceFile, text: string): Origin {
  const start = file.text.indexOf(text);
  if (start === -1) throw new Error(`"${text}" is not in ${file.path}`);
  return { file, range: { start, end: start + text.length } };
}

/** A plain comparison leaf by leaf; what the product compares with is tested in project/. */
export function compare(from: ContainerConfig, to: ContainerConfig): readonly Change[] {
  const [before, after] = [leaves(from, ''), leaves(to, '')];
  return [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((path) => {
    const [a, b] = [before.get(path), after.get(path)];
    return a === b ? [] : [{ path, ...(a !== undefined && { from: a }), ...(b !== undefined && { to: b }) }];
  });
}

function leaves(value: unknown, path: string, found = new Map<string, string>()): Map<string, string> {
  if (value === null || typeof value !== 'object') {
    if (value !== undefined) found.set(path, String(value));
    return found;
  }
  for (const [key, inner] of Object.entries(value)) leaves(inner, path === '' ? key : `${path}.${key}`, found);
  return found;
}
