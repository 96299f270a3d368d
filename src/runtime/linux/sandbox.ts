import type { RuntimeFailure } from '../../model/event.ts';
import type { ContainerConfig } from '../../model/project.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { grantCapabilities } from './caps.ts';
import { type CgroupLayout, cgroupLayout, neededControllers } from './cgroup/layout.ts';
import type { LimitPlan } from './cgroup/limits.ts';
import { nulTerminated, type SetupOp, type SetupProgram } from './frame.ts';
import { rlimitNumbers, rlimitValue } from './rlimits.ts';
import { deviceNodeOps } from './sandbox/devices.ts';
import type { ContainerFacts } from './sandbox/facts.ts';
import { cleanupOps, holdOps, limitPlan } from './sandbox/hold.ts';
import { maskOps } from './sandbox/masks.ts';
import { configMounts, etcMounts, systemMounts } from './sandbox/mounts.ts';
import { notifyMounts } from './sandbox/notify.ts';
import { op } from './sandbox/op.ts';
import { processOps } from './sandbox/process.ts';
import { sysctlOps } from './sandbox/sysctls.ts';

export type Sandbox = {
  readonly program: SetupProgram;
  readonly cgroups: CgroupLayout;
  /** What was asked for and cannot be had here. */
  readonly warnings: readonly SandboxWarning[];
};

/** `foreseen`: preflight, which comes before a creation, has said so with the line of the stack file. */
export type SandboxWarning = { readonly text: string; readonly foreseen?: true };

/**
 * Everything that makes a process a container, as a list the shim performs in order. The order is the point: limits before
 * a process exists, mounts before the pivot, what needs to write before what forbids it, capabilities last.
 */
export function planSandbox(
  config: ContainerConfig,
  facts: ContainerFacts,
  cgroups: CgroupLayout = containerCgroups(config, facts),
): Result<Sandbox, RuntimeFailure> {
  const limits = limitPlan(config, facts);
  const mounts = configMounts(config, facts);
  if (!mounts.ok) return mounts;
  const sysctls = sysctlOps(config, facts);
  if (!sysctls.ok) return sysctls;
  const unknown = config.ulimits.findIndex((limit) => rlimitNumbers[limit.name] === undefined);
  if (unknown !== -1) return err(unknownUlimit(config, unknown));

  const hostname = containerHostname(config, facts.name);
  const process = processOps(config, { ...facts, hostname });
  if (!process.ok) return process;
  const program: SetupProgram = [
    { phase: 'HOLD', ops: holdOps(config, facts, { cgroups, limits }) },
    { phase: 'ATTACH', ops: attachOps(config, cgroups) },
    {
      phase: 'SETUP',
      ops: [
        op('CGROUPNS'),
        ...clockOps(config),
        ...sysctls.value,
        op('ROOT_OVERLAY', {
          numbers: [0],
          strings: [nulTerminated(facts.lowers), facts.paths.upper, facts.paths.work],
          configPath: 'rootfs',
        }),
        ...systemMounts(config, cgroups),
        ...deviceNodeOps(facts),
        ...etcMounts(config, facts),
        ...mounts.value,
        ...notifyMounts(config, facts.paths),
        op('PIVOT'),
        ...hostnameOps(config, hostname),
        ...(config.tty ? [op('CONSOLE')] : []),
        ...maskOps(config, facts),
        ...(config.readOnly ? [op('ROOT_READONLY', { configPath: 'readOnly' })] : []),
      ],
    },
    { phase: 'PROCESS', ops: process.value },
    { phase: 'CLEANUP', ops: cleanupOps(cgroups) },
  ];
  return ok({ program, cgroups, warnings: warningsFor(config, facts, limits) });
}

export function containerCgroups(config: ContainerConfig, facts: ContainerFacts): CgroupLayout {
  const parent = config.resources.cgroupParent;
  return cgroupLayout(
    facts.cgroups,
    { project: facts.project, container: facts.name, ...(parent === undefined ? {} : { parent }) },
    neededControllers(config.resources, { host: facts.cgroups, devices: !config.privileged }),
  );
}

/**
 * Docker's default is the random id of the container. There is none here, and the name says more in a prompt or a log; a
 * host name has at most 63 characters. With the host's network the host keeps its name, as in Docker.
 */
export function containerHostname(config: ContainerConfig, name: string): string | undefined {
  if (config.hostname !== undefined) return config.hostname;
  return config.networkMode.kind === 'host' ? undefined : name.slice(0, 63);
}

function hostnameOps(config: ContainerConfig, hostname: string | undefined): SetupOp[] {
  const ops: SetupOp[] = [];
  if (hostname !== undefined) ops.push(op('HOSTNAME', { strings: [hostname], configPath: 'hostname' }));
  if (config.domainname !== undefined) {
    ops.push(op('DOMAINNAME', { strings: [config.domainname], configPath: 'domainname' }));
  }
  return ops;
}

/** What is done to each process of a container before it may run: the first one, and those that exec adds. */
export function attachOps(config: ContainerConfig, cgroups: CgroupLayout): SetupOp[] {
  const ops = cgroups.v1.map((leaf) => op('ATTACH', { strings: [`${leaf.dir}/tasks`] }));
  for (const [i, { name, soft, hard }] of config.ulimits.entries()) {
    const numbers = [rlimitNumbers[name] ?? -1, rlimitValue(soft), rlimitValue(hard)];
    ops.push(op('RLIMIT', { numbers, strings: [], configPath: `ulimits.${i}` }));
  }
  if (config.oomScoreAdj !== undefined) {
    ops.push(op('OOM_SCORE', { numbers: [config.oomScoreAdj + 1000], configPath: 'oomScoreAdj' }));
  }
  return ops;
}

function clockOps({ clock }: ContainerConfig): SetupOp[] {
  if (clock === undefined) return [];
  const ns = (milliseconds: number): bigint => BigInt(Math.round(milliseconds * 1e6));
  return [op('TIMENS', { numbers: [ns(clock.monotonicMs), ns(clock.boottimeMs)], configPath: 'clock' })];
}

function warningsFor(config: ContainerConfig, facts: ContainerFacts, limits: LimitPlan): SandboxWarning[] {
  const warnings: SandboxWarning[] = limits.warnings.map(({ configPath, message, foreseen }) => ({
    text: `${configPath}: ${message}`,
    ...(foreseen && { foreseen }),
  }));
  const { missing } = grantCapabilities(config, facts.capabilities);
  if (missing.length > 0) {
    const text = `cannot give it the capabilities ${missing.join(', ')}: tscompose itself does not have them`;
    warnings.push({ text });
  }
  return warnings;
}

function unknownUlimit(config: ContainerConfig, index: number): RuntimeFailure {
  const names = Object.keys(rlimitNumbers).join(', ');
  return {
    code: 'setup-failed',
    message: `cannot set the ulimit "${config.ulimits[index]?.name}": there is no such limit`,
    configPath: `ulimits.${index}`,
    notes: [`the kernel knows ${names}`],
  };
}
