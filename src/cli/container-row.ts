import type { ObservedContainer } from '../model/state.ts';
import type { ProjectName } from '../model/units.ts';
import { comesBack } from './ends.ts';
import { portText } from './render/ports.ts';
import { restartingText, spanText, statusText } from './render/status.ts';
import type { Fields } from './render/template.ts';

/** As docker names the states of a container; `removing` and `dead` do not happen here. */
export const stateNames = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;
export type StateName = (typeof stateNames)[number];

export function stateOf(container: ObservedContainer): StateName {
  const { status } = container;
  const { kind } = status;
  if (kind === 'created' && (status.again || container.restarts > 0)) return 'restarting';
  if (kind === 'created' || kind === 'running' || kind === 'paused') return kind;
  return comesBack(container) ? 'restarting' : 'exited';
}

const lifeText = (container: ObservedContainer, now: number): string =>
  stateOf(container) === 'restarting' ? restartingText(container.status, now) : statusText(container.status, now);

export const psTitles = ['NAME', 'ROOTFS', 'COMMAND', 'SERVICE', 'CREATED', 'STATUS', 'PORTS'];

export type RowOptions = {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Long texts are cut. */
  readonly truncate: boolean;
};

export function psRow(container: ObservedContainer, { now, truncate }: RowOptions): readonly string[] {
  const { name, service, createdAtMs, status } = container;
  const other = container.otherVersion === undefined ? '' : `, of another version (${container.otherVersion})`;
  const unattended = !container.monitored && (status.kind === 'running' || status.kind === 'paused');
  return [
    name,
    rootfsText(container, truncate),
    commandText(container, truncate),
    service,
    `${spanText(now - createdAtMs)} ago`,
    `${lifeText(container, now)}${unattended ? ', unattended' : ''}${container.givenUp ? ', given up' : ''}${other}`,
    portsText(container),
  ];
}

function rootfsText({ config: { rootfs, image } }: ObservedContainer, truncate: boolean): string {
  if (image !== undefined) return image;
  const text = rootfs.kind === 'host' ? `host: ${rootfs.programs.join(' ')}` : rootfs.path;
  if (!truncate || text.length <= 24) return text;
  return rootfs.kind === 'host' ? cut(text, 24) : `…${text.slice(-23)}`;
}

function commandText({ config: { argv } }: ObservedContainer, truncate: boolean): string {
  const text = JSON.stringify(argv.join(' '));
  return truncate ? cut(text, 28) : text;
}

const cut = (text: string, length: number) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);

const portsText = ({ ports = [] }: ObservedContainer): string => ports.map(portText).join(', ');

/** Our own form: stable names; new ones may be added. */
export function psJson(container: ObservedContainer): object {
  const { name, service, number, config, createdAtMs, status, monitored, stoppedByUser, restarts } = container;
  return {
    name,
    service,
    number,
    ...(config.image !== undefined && { image: config.image }),
    rootfs: config.rootfs,
    command: config.argv,
    createdAtMs,
    status,
    monitored,
    stoppedByUser,
    restarts,
    ...(container.givenUp !== undefined && { givenUp: container.givenUp }),
    ...(container.otherVersion !== undefined && { otherVersion: container.otherVersion }),
    ports: container.ports ?? [],
    labels: config.labels,
  };
}

/** The fields of docker compose's `ps --format`, in its order. */
export const psFields = [
  ...['Command', 'CreatedAt', 'ExitCode', 'Health', 'ID', 'Image', 'Labels', 'LocalVolumes', 'Mounts', 'Name', 'Names'],
  ...['Networks', 'Ports', 'Project', 'Publishers', 'RunningFor', 'Service', 'Size', 'State', 'Status'],
] as const;

/** For programs written for docker compose. What does not exist here (an image id, a size) is empty. */
export function dockerRow(container: ObservedContainer, project: ProjectName, now: number): Fields {
  const { name, service, config, createdAtMs, status } = container;
  const volumes = config.mounts.flatMap((mount) => (mount.kind === 'volume' ? [mount.volume ?? ''] : []));
  const sources = config.mounts.flatMap((mount) =>
    mount.kind === 'bind' ? [mount.source] : mount.kind === 'volume' && mount.volume ? [mount.volume] : [],
  );
  return {
    Command: commandText(container, false),
    CreatedAt: new Date(createdAtMs).toISOString(),
    ExitCode: status.kind === 'exited' || status.kind === 'failed' ? (status.exitCode ?? -1) : 0,
    Health: status.kind === 'running' ? (status.health ?? '') : '',
    ID: name,
    Image: config.image ?? rootfsText(container, false),
    Labels: Object.entries(config.labels)
      .map(([label, value]) => `${label}=${value}`)
      .join(','),
    LocalVolumes: String(volumes.length),
    Mounts: sources.join(','),
    Name: name,
    Names: name,
    Networks: config.networks.map(({ network }) => network).join(','),
    Ports: portsText(container),
    Project: project,
    Publishers: publishersOf(container),
    RunningFor: `${spanText(now - createdAtMs)} ago`,
    Service: service,
    Size: '0B',
    State: stateOf(container),
    Status: lifeText(container, now),
  };
}

const publishersOf = ({ ports = [] }: ObservedContainer): readonly object[] =>
  ports.map(({ hostIp, published, target, protocol }) => ({
    URL: published === undefined ? '' : (hostIp ?? '0.0.0.0'),
    TargetPort: target,
    PublishedPort: published?.first ?? 0,
    Protocol: protocol,
  }));
