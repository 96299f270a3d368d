import type { ContainerConfig, Project, Service, Volume } from '../model/project.ts';
import type { Bytes, GuestPath, HostPath, ProjectName, ServiceName, SignalName } from '../model/units.ts';
import type { NormalService } from '../spec/normal.ts';
import { originOf } from '../spec/tree.ts';
import { parseSignal } from '../spec/units.ts';
import { findCycle } from './graph.ts';
import { networksOfProject } from './resolve-bridge.ts';
import { devicesOf, mountsOf } from './resolve-mounts.ts';
import { linksOf, networkModeOf, networksOf, portsOf, searchDomainsOf } from './resolve-network.ts';
import {
  dependenciesOf,
  healthcheckOf,
  hooksOf,
  loggingOf,
  millis,
  restartOf,
  updateOf,
  watchOf,
} from './resolve-policy.ts';
import { probesOf } from './resolve-probes.ts';
import { argvOf, checkArgv, environmentOf, labelsOf, sortedObject } from './resolve-process.ts';
import { compact, resourcesOf, sysctlsOf, ulimitsOf } from './resolve-resources.ts';
import { capabilitiesOf, securityOf } from './resolve-security.ts';
import { type Resolving, type Subject, Trail } from './resolving.ts';
import { rootfsOf } from './rootfs.ts';
import { keyAt, placeAt, writtenAt } from './view.ts';

export type ProjectFacts = {
  readonly name: ProjectName;
  readonly files: readonly string[];
  readonly disabled: readonly string[];
};

/** `complete` is false when a service lacks what it cannot run without: it is left out, and so are all networks. */
export type Resolved = { readonly project: Project; readonly complete: boolean };

/** The project that the normalised stack describes. */
export function resolveProject(context: Resolving, facts: ProjectFacts): Resolved {
  const { view, directory } = context;
  const services = Object.entries(view.stack.services ?? {}).sort(byKey);
  const resolved: Service[] = [];
  let complete = true;
  for (const [name, service] of services) {
    if (service.provider !== undefined) continue;
    const made = resolveService(name, service, context);
    if (made === undefined) complete = false;
    else resolved.push(made);
  }
  reportCycles(context);
  const project: Project = {
    name: facts.name,
    directory: directory as HostPath,
    files: facts.files as readonly HostPath[],
    services: resolved,
    disabledServices: [...facts.disabled].sort() as ServiceName[],
    volumes: volumesOf(context),
    networks: complete ? networksOfProject(context, facts.name) : [],
  };
  return { project, complete };
}

const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

function resolveService(name: string, service: NormalService, context: Resolving): Service | undefined {
  const trail = new Trail(context.view, name);
  const subject: Subject = { ...context, name, service, trail };
  const key = keyAt(context.view, 'services', name);
  trail.put('', originOf(key));
  const dependsOn = dependenciesOf(subject);
  const config = configOf(subject);
  if (config === undefined) return undefined;
  const update = updateOf(subject);
  const watch = watchOf(subject);
  const replicas = service.scale ?? service.deploy?.replicas ?? 1;
  return {
    name: name as ServiceName,
    replicas,
    ...(service.container_name ? { containerName: service.container_name } : {}),
    dependsOn,
    profiles: [...new Set(service.profiles ?? [])].sort(),
    attach: service.attach ?? true,
    config,
    ...(update === undefined ? {} : { update }),
    ...(watch === undefined ? {} : { watch }),
    origins: trail.origins,
  };
}

function configOf(subject: Subject): ContainerConfig | undefined {
  const { service, trail } = subject;
  trail.addFields(plainFields);
  const rootfs = rootfsOf(subject);
  const argv = argvOf(subject);
  checkArgv(argv, subject);
  const networkMode = networkModeOf(subject);
  const config = {
    rootfs,
    image: text(service.image),
    argv,
    environment: environmentOf(subject),
    workingDir: workingDirOf(subject),
    user: text(service.user),
    groupAdd: [...new Set(service.group_add ?? [])].sort(),
    hostname: text(service.hostname),
    domainname: text(service.domainname),
    mounts: mountsOf(subject),
    shmSizeBytes: (Number(service.shm_size ?? 0) > 0 ? Number(service.shm_size) : 64 * 1024 * 1024) as Bytes,
    readOnly: service.read_only ?? false,
    resources: resourcesOf(subject),
    ulimits: ulimitsOf(subject),
    oomScoreAdj: service.oom_score_adj,
    sysctls: sysctlsOf(subject),
    devices: devicesOf(subject),
    deviceCgroupRules: deviceRulesOf(subject),
    init: service.init ?? true,
    tty: service.tty ?? false,
    stdinOpen: service.stdin_open ?? false,
    stopSignal: service.stop_signal ? (parseSignal(service.stop_signal) ?? sigterm) : sigterm,
    stopGraceMs: millis(service.stop_grace_period, 10_000),
    capAdd: capabilitiesOf('cap_add', subject),
    capDrop: capabilitiesOf('cap_drop', subject),
    privileged: service.privileged ?? false,
    ...securityOf(subject),
    networkMode,
    networks: networksOf(subject),
    ports: portsOf(subject, networkMode),
    extraHosts: [...(service.extra_hosts ?? [])].sort(),
    links: linksOf(subject),
    dns: service.dns ?? [],
    dnsSearch: searchDomainsOf(subject),
    dnsOptions: service.dns_opt ?? [],
    labels: labelsOf(subject),
    annotations: sortedObject(service.annotations),
    logging: loggingOf(subject),
    clock: clockOf(subject),
    restart: restartOf(subject),
    healthcheck: healthcheckOf(subject),
    probes: probesOf(subject),
    hooks: hooksOf(subject),
  };
  return rootfs === undefined ? undefined : compact<ContainerConfig>(config);
}

/** The field that a key becomes as it is. */
const plainFields: ReadonlyMap<string, string> = new Map([
  ['image', 'image'],
  ['working_dir', 'workingDir'],
  ['user', 'user'],
  ['group_add', 'groupAdd'],
  ['hostname', 'hostname'],
  ['domainname', 'domainname'],
  ['shm_size', 'shmSizeBytes'],
  ['read_only', 'readOnly'],
  ['oom_score_adj', 'oomScoreAdj'],
  ['device_cgroup_rules', 'deviceCgroupRules'],
  ['init', 'init'],
  ['tty', 'tty'],
  ['stdin_open', 'stdinOpen'],
  ['stop_signal', 'stopSignal'],
  ['stop_grace_period', 'stopGraceMs'],
  ['privileged', 'privileged'],
  ['environment', 'environment'],
  ['volumes', 'mounts'],
  ['networks', 'networks'],
  ['ports', 'ports'],
  ['extra_hosts', 'extraHosts'],
  ['dns', 'dns'],
  ['dns_search', 'dnsSearch'],
  ['dns_opt', 'dnsOptions'],
  ['labels', 'labels'],
  ['annotations', 'annotations'],
]);

const sigterm = 'SIGTERM' as SignalName;

const text = (value: string | undefined): string | undefined => (value === '' ? undefined : value);

function workingDirOf({ service, name, view, report }: Subject): GuestPath | undefined {
  const path = text(service.working_dir);
  if (path === undefined || path.startsWith('/')) return path as GuestPath | undefined;
  report.error('bad-value', {
    summary: `service "${name}": working_dir "${path}" is not an absolute path`,
    at: placeAt(view, 'services', name, 'working_dir'),
    notes: ['it is a path in the container and begins with "/"'],
  });
  return undefined;
}

function deviceRulesOf({ service, name, view, report }: Subject): readonly string[] {
  return (service.device_cgroup_rules ?? []).map((rule, i) => {
    if (!/^[abc] (\d+|\*):(\d+|\*) [rwm]{1,3}$/.test(rule)) {
      report.error('bad-value', {
        summary: `service "${name}": "${rule}" is not a device rule`,
        at: placeAt(view, 'services', name, 'device_cgroup_rules', i),
        notes: ['write TYPE MAJOR:MINOR PERMISSIONS: "c 1:3 mr"'],
      });
    }
    return rule;
  });
}

function clockOf({ service, trail }: Subject): ContainerConfig['clock'] {
  const clock = service['x-tscompose']?.clock;
  trail.add('clock', 'x-tscompose', 'clock');
  if (clock === undefined) return undefined;
  return { monotonicMs: millis(clock.monotonic, 0), boottimeMs: millis(clock.boottime, 0) };
}

function reportCycles({ view, report }: Resolving): void {
  const services = Object.entries(view.stack.services ?? {}).sort(byKey);
  const nodes = services.map(([name, service]) => {
    const all = { ...service.depends_on, ...service['x-tscompose']?.depends_on };
    return {
      name,
      dependsOn: Object.keys(all)
        .sort()
        .map((each) => ({ service: each })),
    };
  });
  const cycle = findCycle(nodes);
  if (cycle === undefined) return;
  const edges = cycle.slice(0, -1).map((from, i) => ({ from, to: cycle[i + 1] as string }));
  const [first] = edges;
  if (first === undefined) return;
  report.error('dependency-cycle', {
    summary: `services depend on each other in a circle: ${abridged(cycle).join(' → ')}`,
    at: keyAt(view, 'services', first.from, 'depends_on', first.to),
    notes: [
      ...edges.slice(1, longestCircle).map(({ from, to }) => ({
        text: `"${from}" depends on "${to}" here`,
        origin: originOf(keyAt(view, 'services', from, 'depends_on', to)),
      })),
      'take one of the dependencies away',
    ],
  });
}

/** More members of a circle than this are left out in the middle. */
const longestCircle = 12;

const abridged = (names: readonly string[]): readonly string[] =>
  names.length <= longestCircle
    ? names
    : [...names.slice(0, longestCircle / 2), '…', ...names.slice(-longestCircle / 2)];

/** Only what services use: the rest of the file makes nothing. */
function volumesOf({ view }: Resolving): readonly Volume[] {
  const used = new Set(
    Object.values(view.stack.services ?? {}).flatMap(({ volumes }) =>
      (volumes ?? []).map(({ type, source }) => (type === 'volume' ? source : undefined)),
    ),
  );
  return Object.entries(view.stack.volumes ?? {})
    .filter(([key]) => used.has(key))
    .sort(byKey)
    .map(([key, volume]): Volume => {
      const origin = writtenAt(view, 'volumes', key) ?? originOf(keyAt(view, 'volumes', key));
      return {
        key,
        name: volume.name ?? key,
        external: volume.external ?? false,
        labels: sortedObject(volume.labels),
        driverOptions: sortedObject(volume.driver_opts),
        origin,
      };
    });
}
