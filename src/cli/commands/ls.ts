import type { ObservedContainer } from '../../model/state.ts';
import { listProjects } from '../../runtime/linux/list-projects.ts';
import { exitCode } from '../exit-code.ts';
import { renderTable } from '../render/table.ts';
import { openRuntime } from '../runtime.ts';
import type { Runner } from './runner.ts';

export const ls: Runner<'ls'> = async ({ flags, globals }, context) => {
  const { stdout, paint, environment } = context;
  const runtime = openRuntime(context);
  const observed = await Promise.all(listProjects(environment).map((name) => runtime.observe(name)));
  const projects = observed
    .map(({ project, containers }) => ({
      name: project,
      status: countText(containers),
      running: containers.some(isUp),
    }))
    .filter(({ running }) => flags.all || running);
  if (flags.quiet) stdout.write(projects.map(({ name }) => `${name}\n`).join(''));
  else if (globals.json) {
    stdout.write(projects.map(({ name, status }) => `${JSON.stringify({ name, status })}\n`).join(''));
  } else {
    const width = stdout.isTty ? stdout.columns() : Number.POSITIVE_INFINITY;
    const rows = projects.map(({ name, status }) => [name, status]);
    stdout.write(renderTable(['NAME', 'STATUS'], rows, { paint, width }));
  }
  return exitCode.ok;
};

const isUp = ({ status }: ObservedContainer) => status.kind === 'running' || status.kind === 'paused';

/** `running(2), exited(1)`, as docker compose puts it. */
function countText(containers: readonly ObservedContainer[]): string {
  const counts = new Map<string, number>();
  for (const { status } of containers) counts.set(status.kind, (counts.get(status.kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${kind}(${count})`).join(', ') || 'empty';
}
