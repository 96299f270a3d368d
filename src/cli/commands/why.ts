import type { ObservedContainer } from '../../model/state.ts';
import { healthOf } from '../../runtime/linux/health.ts';
import { statusSaid } from '../../runtime/linux/notified.ts';
import { eventsPath } from '../../runtime/linux/supervisor-lock.ts';
import { openEventLog } from '../../supervise/event-log.ts';
import { type Evidence, explainService } from '../../supervise/why.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { lastLinesOf } from '../explain.ts';
import { lookAround } from '../situation.ts';
import type { Target } from '../target.ts';
import type { Runner } from './runner.ts';

export const why: Runner<'why'> = async ({ args, globals }, context) => {
  const situation = await lookAround(context, args);
  if (!situation.ok) return situation.error;
  const { name, observed, services } = situation.value;
  const [service] = services;
  if (service === undefined) return exitCode.failed;

  const chosen = observed.containers.filter((container) => container.service === service);
  const lines = openEventLog(eventsPath(name, context.environment)).read();
  const found = await Promise.all(chosen.map((container) => witnessesOf(context, situation.value, container)));
  if (globals.json) {
    const containers = chosen.map((container, i) => ({
      name: container.name,
      status: container.status,
      restarts: container.restarts,
      stoppedByUser: container.stoppedByUser,
      dependsOn: container.dependsOn,
      history: lines.filter((line) => line.container === container.name),
      ...found[i],
    }));
    context.stdout.write(`${JSON.stringify({ project: name, service, containers }, null, 2)}\n`);
    return exitCode.ok;
  }
  const evidence: Evidence = {
    observed,
    lines,
    probes: Object.fromEntries(chosen.map((container, i) => [container.name, found[i]?.probes ?? []])),
    says: Object.fromEntries(chosen.map((container, i) => [container.name, found[i]?.says ?? ''])),
    output: Object.fromEntries(chosen.map((container, i) => [container.name, found[i]?.output ?? []])),
    formatTime,
  };
  context.stdout.write(explainService(service, evidence));
  return exitCode.ok;
};

async function witnessesOf(context: Context, { name }: Target, container: ObservedContainer) {
  const probes = healthOf(name, container, context.environment)?.results ?? [];
  const says = statusSaid(name, container.name, context.environment);
  return { probes, ...(says !== '' && { says }), output: await lastLinesOf(context, name, container.name) };
}

/** `2026-02-28 13:00:00.123`, in the time of this machine. */
function formatTime(atMs: number): string {
  const at = new Date(atMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${day} ${time}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}
