import type { ObservedContainer } from '../../model/state.ts';
import { exitCode } from '../exit-code.ts';
import { portText } from '../render/ports.ts';
import { spanText, statusText } from '../render/status.ts';
import { renderTable } from '../render/table.ts';
import { openRuntime } from '../runtime.ts';
import { knownServices } from '../services.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './runner.ts';

export const ps: Runner<'ps'> = async ({ flags, args, globals }, context) => {
  const target = await findTarget(context);
  if (!target.ok) return target.error;
  const { name, project } = target.value;
  const observed = await openRuntime(context).observe(name);
  const services = knownServices(context, args, { project, observed });
  if (!services.ok) return services.error;

  const all = [...observed.containers, ...(flags.all ? (observed.oneOffs ?? []) : [])];
  const chosen = all
    .filter((container) => args.length === 0 || services.value.includes(container.service))
    .filter((container) => flags.all || isUp(container))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const { stdout, paint } = context;
  if (flags.quiet) stdout.write(chosen.map((container) => `${container.name}\n`).join(''));
  else if (globals.json) stdout.write(chosen.map((container) => `${JSON.stringify(rowJson(container))}\n`).join(''));
  else {
    const width = stdout.isTty ? stdout.columns() : Number.POSITIVE_INFINITY;
    const rows = chosen.map((container) => rowOf(container, Date.now()));
    stdout.write(
      renderTable(['NAME', 'ROOTFS', 'COMMAND', 'SERVICE', 'CREATED', 'STATUS', 'PORTS'], rows, { paint, width }),
    );
  }
  return exitCode.ok;
};

const isUp = ({ status }: ObservedContainer) => status.kind === 'running' || status.kind === 'paused';

function rowOf(container: ObservedContainer, nowMs: number): readonly string[] {
  const { name, service, config, createdAtMs, status } = container;
  return [
    name,
    config.image ?? rootfsText(container),
    cut(JSON.stringify(config.argv.join(' ')), 28),
    service,
    `${spanText(nowMs - createdAtMs)} ago`,
    container.monitored || !isUp(container) ? statusText(status, nowMs) : `${statusText(status, nowMs)}, unattended`,
    (container.ports ?? []).map(portText).join(', '),
  ];
}

function rootfsText({ config: { rootfs } }: ObservedContainer): string {
  return rootfs.kind === 'host' ? cut(`host: ${rootfs.programs.join(' ')}`, 24) : cutStart(rootfs.path, 24);
}

const cut = (text: string, length: number) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
const cutStart = (text: string, length: number) => (text.length <= length ? text : `…${text.slice(1 - length)}`);

/** Stable names; new ones may be added. */
function rowJson(container: ObservedContainer): object {
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
    ports: container.ports ?? [],
    labels: config.labels,
  };
}
