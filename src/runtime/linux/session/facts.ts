import { statSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import type { ProjectName } from '../../../model/units.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { type HostFacts, usesBfq } from '../host-facts.ts';
import { isNetworked } from '../network/record.ts';
import type { SupervisorCommand } from '../options.ts';
import { type ContainerPaths, containerPaths, type ProjectPaths } from '../paths.ts';
import type { ContainerFacts, DeviceNode } from '../sandbox/facts.ts';
import { shimPath } from '../shim-path.ts';
import type { ContainerRecord } from '../state-dir.ts';
import type { SessionContext } from './context.ts';
import { hostDevices } from './host-devices.ts';
import { netnsToJoin } from './netns.ts';
import { nodeOf } from './node.ts';

export type Described = Pick<ContainerRecord, 'name' | 'config' | 'lowers' | 'user' | 'volumes' | 'oneOff'>;

/** What a container of this record needs to know of the machine. Looked up again at every (re)creation of its monitor. */
export function containerFacts(context: SessionContext, record: Described): Result<ContainerFacts, RuntimeFailure> {
  const netns = netnsToJoin(context, record.config);
  if (!netns.ok) return netns;
  const { at, project, options } = context;
  const { environment = {} } = options;
  const supervisor = options.supervisor && withLauncher(options.supervisor, shimPath(environment), at);
  const { oneOff } = record;
  // Nobody restarts a one-off, and who has started it waits for it; but for `run -d --rm` nobody waits.
  const clearsAway = oneOff !== undefined && oneOff !== 'hook' && oneOff.mode === 'detached' && oneOff.remove;
  const facts = lookUpFacts(record, { project, at, host: context.host() });
  if (!facts.ok) return facts;
  return ok({
    ...facts.value,
    ...(netns.value === undefined ? {} : { netns: netns.value }),
    ...(isNetworked(record.config) ? networkFacts(context, record) : {}),
    ...(supervisor === undefined || (record.oneOff && !clearsAway)
      ? {}
      : { supervisor: { ...supervisor, lock: at.supervisorLock, diary: at.diary, keeper: at.keeper, clearsAway } }),
  });
}

/** It finds a launcher ready when it has come so far that it needs one. */
function withLauncher(command: SupervisorCommand, shim: string, { lock }: ProjectPaths): SupervisorCommand {
  const prefix = [shim, 'with-launcher', lock, 'supervise'];
  return { ...command, argv: [...prefix, ...command.argv], residentArgv: [...prefix, ...command.residentArgv] };
}

function networkFacts({ network }: SessionContext, { name }: Described) {
  const interfaces = network.interfaces(name);
  return { netProcess: network.revival, ...(interfaces === undefined ? {} : { interfaces }) };
}

type Surroundings = { readonly project: ProjectName; readonly at: ProjectPaths; readonly host: HostFacts };

/** The facts that need no session: nothing is touched. */
export function lookUpFacts(
  record: Described,
  { project, at, host }: Surroundings,
): Result<ContainerFacts, RuntimeFailure> {
  const { config, name } = record;
  const where = containerPaths(at, name);
  const devices = deviceNodes(config);
  if (!devices.ok) return devices;
  const blockDevices = blockDeviceNumbers(config);
  if (!blockDevices.ok) return blockDevices;
  return ok({
    ...host,
    // A look at every disk, for those who ask for a weight.
    bfq: config.resources.blkioWeight !== undefined && usesBfq(),
    project,
    name,
    paths: where,
    lowers: record.lowers,
    user: record.user,
    volumes: new Map(record.volumes),
    files: new Map(filePaths(config, where)),
    kept: [],
    initOnly: record.oneOff !== undefined && record.oneOff !== 'hook' && record.oneOff.mode === 'attached',
    devices: devices.value,
    blockDevices: blockDevices.value,
  });
}

/** Configs and secrets lie on the tmpfs of /run, each as a file that is bound into its container. */
export function filePaths(config: ContainerConfig, where: ContainerPaths): [number, string][] {
  return config.mounts.flatMap((mount, i): [number, string][] =>
    mount.kind === 'file' ? [[i, `${where.files}/mount-${i}`]] : [],
  );
}

function deviceNodes(config: ContainerConfig): Result<DeviceNode[], RuntimeFailure> {
  const nodes = config.privileged ? hostDevices() : [];
  for (const [i, { source, target, permissions }] of config.devices.entries()) {
    const configPath = `devices.${i}`;
    const stats = statSync(source, { throwIfNoEntry: false });
    if (stats === undefined) {
      return err({
        code: 'setup-failed',
        message: `cannot give it the device ${source}: it does not exist on this machine`,
        configPath,
        notes: ['plug it in, load its module, or remove the line'],
      });
    }
    if (stats.isDirectory()) {
      nodes.push(...hostDevices(source, target).map((node) => ({ ...node, permissions, configPath })));
      continue;
    }
    if (!stats.isCharacterDevice() && !stats.isBlockDevice()) {
      const message = `cannot give it the device ${source}: it is no device`;
      return err({ code: 'setup-failed', message, configPath, notes: ['use volumes for files and directories'] });
    }
    nodes.push({ ...nodeOf(stats, target), permissions, configPath });
  }
  return ok(nodes);
}

function blockDeviceNumbers(config: ContainerConfig): Result<Map<string, string>, RuntimeFailure> {
  const numbers = new Map<string, string>();
  for (const [i, { device }] of config.resources.blkio.entries()) {
    const stats = statSync(device, { throwIfNoEntry: false });
    if (stats === undefined || !stats.isBlockDevice()) {
      return err({
        code: 'setup-failed',
        message: `cannot limit ${device}: ${stats === undefined ? 'it does not exist' : 'it is no block device'}`,
        configPath: `resources.blkio.${i}`,
        notes: ['name a whole disk of this machine; lsblk lists them'],
      });
    }
    const { major, minor } = nodeOf(stats, device);
    numbers.set(device, `${major}:${minor}`);
  }
  return ok(numbers);
}
