import type { ContainerConfig } from '../../../model/project.ts';
import { type CgroupLayout, controllerVersion, leafOf } from '../cgroup/layout.ts';
import { type LimitPlan, planLimits } from '../cgroup/limits.ts';
import { deviceProgram } from '../device-bpf.ts';
import { nulTerminated, type SetupOp, shared } from '../frame.ts';
import { type DeviceRule, deviceRules, v1Rule } from './device-rules.ts';
import type { ContainerFacts } from './facts.ts';
import { clone } from './flags.ts';
import { notifyOps } from './notify.ts';
import { op } from './op.ts';

/** Beside 0 (the command is PID 1) and 1 (the tiny init is). */
const initKind = { only: 2 } as const;
const netnsKind = { host: 0, fresh: 1, join: 2 } as const;

export type Confinement = { readonly cgroups: CgroupLayout; readonly limits: LimitPlan };

/** What a monitor does once, when the container is created: it then holds all of it until the container is removed. */
export function holdOps(config: ContainerConfig, facts: ContainerFacts, { cgroups, limits }: Confinement): SetupOp[] {
  return [
    op('STATE_DIR', { strings: [facts.paths.state, facts.paths.lib] }),
    ...fileOps(facts),
    logOp(config, facts),
    ...cgroupOps(config, facts, { cgroups, limits }),
    ...netnsOps(config, facts),
    ...lifeOps(config, facts),
    ...notifyOps(config),
    ...supervisorOps(config, facts),
    ...onHangupOps(facts),
  ];
}

function fileOps({ paths, kept }: ContainerFacts): SetupOp[] {
  const directories = [paths.upper, paths.work, paths.log];
  const files = kept.map(({ path, content, mode }) => op('PUT', { numbers: [mode], strings: [path, content] }));
  return [...files, ...directories.map(mkdir)];
}

function logOp(config: ContainerConfig, facts: ContainerFacts): SetupOp {
  const files = config.logging.driver === 'none' ? 0 : config.logging.maxFiles;
  return op('LOG', {
    numbers: [config.logging.maxSizeBytes, files],
    strings: [facts.paths.log],
    configPath: 'logging',
  });
}

/** Directories first, then limits, all before any process is inside: a fast fork bomb would otherwise get away. */
function cgroupOps(config: ContainerConfig, facts: ContainerFacts, { cgroups, limits }: Confinement): SetupOp[] {
  const ops = cgroups.v1.map((leaf) => mkdir(leaf.dir));
  const cpuset = cgroups.v1.find((leaf) => leaf.hierarchy.controllers.includes('cpuset'));
  // A new v1 cpuset is empty and lets nothing in; a child can only have what its parent has.
  if (cpuset !== undefined && facts.cpuset !== undefined) {
    for (const dir of cpuset.parents) {
      ops.push(write(`${dir}/cpuset.cpus`, facts.cpuset.cpus, { optional: true, configPath: 'resources.cpuset' }));
      ops.push(write(`${dir}/cpuset.mems`, facts.cpuset.mems, { optional: true, configPath: 'resources.cpuset' }));
    }
  }
  if (cgroups.v2 !== undefined) {
    // Every mkdir, even in vain, waits for whoever makes another cgroup there; the leaf's makes those above as well.
    for (const dir of cgroups.v2.enable.length === 0 ? [] : cgroups.v2.parents) {
      const enable = cgroups.v2.enable.map((name) => `+${name}`).join(' ');
      ops.push(mkdir(dir), write(`${dir}/cgroup.subtree_control`, enable));
    }
    ops.push(mkdir(cgroups.v2.dir), op('CGROUP2', { strings: [cgroups.v2.dir] }));
  }
  for (const limit of limits.writes) {
    const dir = leafOf(cgroups, facts.cgroups, limit.controller);
    if (dir !== undefined)
      ops.push(write(`${dir}/${limit.file}`, limit.value, { ...limit, optional: limit.optional ?? false }));
  }
  ops.push(...deviceOps(config, facts, cgroups));
  const memory = leafOf(cgroups, facts.cgroups, 'memory');
  if (memory !== undefined) {
    const v1 = controllerVersion(facts.cgroups, 'memory') === 'v1';
    const file = v1 ? `${memory}/memory.oom_control` : `${memory}/memory.events`;
    ops.push(op('OOM_EVENTS', { numbers: [v1 ? 1 : 2], strings: [file] }));
  }
  return ops;
}

/** What its processes will be made with. */
function lifeOps({ tty, stdinOpen, init }: ContainerConfig, { initOnly }: ContainerFacts): readonly SetupOp[] {
  return shared(`hold ${tty} ${stdinOpen} ${init} ${initOnly}`, () => [
    op('NAMESPACES', { numbers: [clone.NEWPID | clone.NEWNS | clone.NEWUTS | clone.NEWIPC] }),
    op('STDIO', { numbers: [Number(tty), Number(stdinOpen)], configPath: 'tty' }),
    op('INIT', { numbers: [initOnly ? initKind.only : Number(init)], configPath: 'init' }),
  ]);
}

/** The limits of this container on this host, and what of them cannot be applied. */
export function limitPlan(config: ContainerConfig, facts: ContainerFacts): LimitPlan {
  return planLimits(config.resources, {
    version: (controller) => controllerVersion(facts.cgroups, controller),
    blockDevices: facts.blockDevices,
    bfq: facts.bfq,
    ...(facts.cpuset === undefined ? {} : { mems: facts.cpuset.mems }),
  });
}

function deviceOps(config: ContainerConfig, facts: ContainerFacts, cgroups: CgroupLayout): SetupOp[] {
  if (config.privileged) return [];
  const rules = deviceRules(config, facts.devices);
  if (controllerVersion(facts.cgroups, 'devices') === 'v1') {
    const dir = leafOf(cgroups, facts.cgroups, 'devices');
    const file = `${dir}/devices.allow`;
    const [ours, asked] = [rules.filter(isDefault), rules.filter((rule) => !isDefault(rule))];
    return [
      write(`${dir}/devices.deny`, 'a'),
      write(file, nulTerminated(ours.map(v1Rule))),
      ...asked.map((rule) => write(file, v1Rule(rule), { configPath: rule.configPath })),
    ];
  }
  if (cgroups.v2 === undefined) return [];
  return [op('DEVICE_BPF', { strings: [deviceProgram(rules)], configPath: 'devices' })];
}

const isDefault = (rule: DeviceRule): boolean => rule.configPath === undefined;

function netnsOps(config: ContainerConfig, facts: ContainerFacts): readonly SetupOp[] {
  const configPath = 'networkMode';
  if (facts.netns !== undefined)
    return [op('NETNS', { numbers: [netnsKind.join], strings: [facts.netns], configPath })];
  if (config.networkMode.kind === 'host') return [op('NETNS', { numbers: [netnsKind.host], configPath })];
  const fresh = shared('fresh', () => [op('NETNS', { numbers: [netnsKind.fresh], configPath }), op('LO_UP')]);
  return [...fresh, ...(facts.interfaces ?? [])];
}

/**
 * A command that asked for an end, and one that gave a container a new monitor, gets this long for what it has in mind,
 * before the supervisor looks whether it was left undone.
 */
const patienceMs = 2000;
/** A supervisor that was woken has this long to come; then the monitor tries again, at doubling distances. */
const firstRetryMs = 2000;
const longestRetryMs = 60_000;

const wakes = { atStart: 1, notAfterEnds: 2 } as const;

/** Whatever a container is, it needs a new monitor when its own is killed; most need a supervisor for more than that. */
function supervisorOps(config: ContainerConfig, facts: ContainerFacts): SetupOp[] {
  const { supervisor, project } = facts;
  if (supervisor === undefined) return [];
  const atStart = config.healthcheck !== undefined || config.probes !== undefined;
  const afterEnds =
    supervisor.clearsAway || atStart || config.restart.condition !== 'no' || config.hooks.postStop.length > 0;
  const { environment, lock, diary, keeper } = supervisor;
  const argv = atStart ? supervisor.residentArgv : supervisor.argv;
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const when = (atStart ? wakes.atStart : 0) | (afterEnds ? 0 : wakes.notAfterEnds);
  return [
    op('KEEPER', { strings: [keeper.lock, keeper.socket] }),
    op('SUPERVISOR', {
      numbers: [when, patienceMs, firstRetryMs, longestRetryMs],
      strings: [lock, nulTerminated([...argv, project]), nulTerminated(variables), diary],
    }),
  ];
}

/** Names and ports are served by a pair that brings each other back; when both are killed, the containers' monitors do. */
function onHangupOps({ netProcess }: ContainerFacts): SetupOp[] {
  if (netProcess === undefined) return [];
  return [op('ON_HANGUP', { strings: [netProcess.alive, nulTerminated(netProcess.argv)] })];
}

/** What goes when the container is removed: its cgroups, and those above that nobody else needs. */
export function cleanupOps(cgroups: CgroupLayout): SetupOp[] {
  const dirs = [...cgroups.v1, ...(cgroups.v2 === undefined ? [] : [cgroups.v2])];
  return dirs.flatMap(({ dir, parents }) => [
    op('RMDIR', { numbers: [0], strings: [dir] }),
    ...shared(`above ${parents.join(':')}`, () => parents.map(unlessInUse).reverse()),
  ]);
}

const unlessInUse = (directory: string): SetupOp => op('RMDIR', { numbers: [1], strings: [directory] });

const mkdir = (path: string): SetupOp => op('MKDIR', { numbers: [0o755], strings: [path] });

/** `value` may be several, each NUL-terminated: they are written one by one. */
function write(
  path: string,
  value: string,
  how: { optional?: boolean; configPath?: string | undefined } = {},
): SetupOp {
  return op('WRITE', { numbers: [how.optional ? 1 : 0], strings: [path, value], configPath: how.configPath });
}
