import type { ObservedContainer } from '../../model/state.ts';
import { filesOfProject, listProjects } from '../../runtime/linux/list-projects.ts';
import { stateOf } from '../container-row.ts';
import { exitCode } from '../exit-code.ts';
import { printTable, printTemplate, readFilters, readFormat } from '../rows.ts';
import { openRuntime } from '../runtime.ts';
import { sayError } from '../say.ts';
import type { Runner } from './runner.ts';

export const ls: Runner<'ls'> = async ({ flags, globals }, context) => {
  const { stdout, environment } = context;
  const format = readFormat(context, flags.format, ['Name', 'Status', 'ConfigFiles']);
  if (!format.ok) return format.error;
  const filters = readFilters(context, flags.filter, ['name']);
  if (!filters.ok) return filters.error;
  const patterns: RegExp[] = [];
  for (const text of filters.value.get('name') ?? []) {
    try {
      patterns.push(new RegExp(text));
    } catch {
      sayError(context, {
        code: 'usage',
        message: `"${text}" is no regular expression`,
        hint: 'for example name=^web',
      });
      return exitCode.usage;
    }
  }
  const runtime = openRuntime(context);
  const names = listProjects(environment).filter((name) => patterns.every((pattern) => pattern.test(name)));
  const observed = await Promise.all(names.map((name) => runtime.observe(name)));
  const projects = observed
    .map(({ project, containers }) => ({
      name: project,
      status: countText(containers),
      running: containers.some(isUp),
      files: filesOfProject(project, environment),
    }))
    .filter(({ running }) => flags.all || running);
  const rows = projects.map(({ name, status, files }) => ({
    Name: name,
    Status: status,
    ConfigFiles: files.join(','),
  }));
  if (flags.quiet) stdout.write(projects.map(({ name }) => `${name}\n`).join(''));
  else if (globals.json) {
    stdout.write(projects.map(({ name, status, files }) => `${JSON.stringify({ name, status, files })}\n`).join(''));
  } else if (format.value.kind === 'json') stdout.write(`${JSON.stringify(rows)}\n`);
  else if (format.value.kind === 'template') printTemplate(context, format.value.template, rows);
  else {
    const cells = projects.map(({ name, status, files }) => [name, status, files.join(',')]);
    printTable(context, ['NAME', 'STATUS', 'CONFIG FILES'], cells);
  }
  return exitCode.ok;
};

const isUp = (container: ObservedContainer): boolean =>
  ['running', 'paused', 'restarting'].includes(stateOf(container));

/** `running(2), exited(1)`, as docker compose puts it. */
function countText(containers: readonly ObservedContainer[]): string {
  const counts = new Map<string, number>();
  for (const container of containers) counts.set(stateOf(container), (counts.get(stateOf(container)) ?? 0) + 1);
  return [...counts].map(([state, count]) => `${state}(${count})`).join(', ') || 'empty';
}
