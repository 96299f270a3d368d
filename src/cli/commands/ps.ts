import type { ObservedContainer, ObservedState } from '../../model/state.ts';
import { dockerRow, psFields, psJson, psRow, psTitles, stateNames, stateOf } from '../container-row.ts';
import { exitCode } from '../exit-code.ts';
import { printTable, printTemplate, readFilters, readFormat } from '../rows.ts';
import { sayError } from '../say.ts';
import { lookAround } from '../situation.ts';
import type { Flags } from '../table.ts';
import type { Target } from '../target.ts';
import type { Runner } from './runner.ts';

export const ps: Runner<'ps'> = async ({ flags, args, globals }, context) => {
  const format = readFormat(context, flags.format, psFields);
  if (!format.ok) return format.error;
  const filters = readFilters(context, flags.filter, ['status']);
  if (!filters.ok) return filters.error;
  const states = [...flags.status, ...(filters.value.get('status') ?? [])];
  const unknown = states.find((state) => !stateNames.some((name) => name === state));
  if (unknown !== undefined) {
    const hint = `it is one of ${stateNames.join(', ')}`;
    sayError(context, { code: 'usage', message: `no container can be "${unknown}"`, hint });
    return exitCode.usage;
  }
  const situation = await lookAround(context, args);
  if (!situation.ok) return situation.error;
  const { name, observed, services } = situation.value;

  const chosen = choose(observed, { flags, states, services, target: situation.value });
  const { stdout } = context;
  const now = Date.now();
  if (flags.services) {
    const names = [...new Set(chosen.map(({ service }) => service))].sort();
    stdout.write(names.map((service) => `${service}\n`).join(''));
  } else if (flags.quiet) stdout.write(chosen.map((container) => `${container.name}\n`).join(''));
  else if (globals.json) stdout.write(chosen.map((container) => `${JSON.stringify(psJson(container))}\n`).join(''));
  else if (format.value.kind === 'json') {
    stdout.write(chosen.map((container) => `${JSON.stringify(dockerRow(container, name, now))}\n`).join(''));
  } else if (format.value.kind === 'template') {
    const rows = chosen.map((container) => dockerRow(container, name, now));
    printTemplate(context, format.value.template, rows);
  } else {
    const rows = chosen.map((container) => psRow(container, { now, truncate: !flags['no-trunc'] }));
    // How a container is matters more than what it was made of.
    printTable(context, psTitles, rows, ['COMMAND', 'ROOTFS', 'CREATED']);
  }
  return exitCode.ok;
};

type Choice = {
  readonly flags: Flags<'ps'>;
  /** Empty: those that are up, or all with `--all`. */
  readonly states: readonly string[];
  /** Empty: all. */
  readonly services: readonly string[];
  readonly target: Target;
};

/** By name. */
function choose(observed: ObservedState, { flags, states, services, target }: Choice): readonly ObservedContainer[] {
  const { project } = target;
  const isOrphan = ({ service }: ObservedContainer): boolean =>
    project !== undefined &&
    !project.services.some(({ name }) => name === service) &&
    !project.disabledServices.includes(service);
  const isWanted = (container: ObservedContainer): boolean => {
    const state = stateOf(container);
    if (states.length > 0) return states.includes(state);
    return flags.all || state === 'running' || state === 'paused' || state === 'restarting';
  };
  return [...observed.containers, ...(flags.all ? (observed.oneOffs ?? []) : [])]
    .filter(({ service }) => services.length === 0 || services.includes(service))
    .filter((container) => flags.orphans || !isOrphan(container))
    .filter(isWanted)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
