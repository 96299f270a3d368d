import { constants } from 'node:os';
import type { ProjectName } from '../../model/units.ts';
import { listProjects } from '../../runtime/linux/list-projects.ts';
import { complete } from '../complete.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import type { Completes } from '../flag.ts';
import { openRuntime } from '../runtime.ts';
import { findTarget } from '../target.ts';
import type { Runner } from './runner.ts';

/** Answers the shell: a candidate a line, its help behind a tab; last `:`, `:file` or `:directory`, for the shell to list. */
export const completeCommand: Runner<'__complete'> = async ({ args, globals: given }, context) => {
  const last = args.at(-1) ?? '';
  const { words, wants, prefix, globals } = complete(args);
  const of = (name: string) => globals.get(name) ?? [];
  const meant = {
    ...given,
    file: of('file'),
    profile: of('profile'),
    'env-file': of('env-file'),
    'project-name': of('project-name').at(-1),
    'project-directory': of('project-directory').at(-1),
  };
  // Nobody wants to read about mistakes in the middle of a line.
  const stderr = { ...context.stderr, write: () => {} };
  // What belongs to root has no names for others.
  const names = await namesOf(wants, { ...context, globals: meant, stderr }).catch(() => []);
  const typed = last.slice(prefix.length);
  const lines = [
    ...words.map(([word, help]) => (help === '' ? word : `${word}\t${help}`)),
    ...names.filter((name) => name.startsWith(typed)).map((name) => `${prefix}${name}`),
    wants === 'file' || wants === 'directory' ? `:${wants}` : ':',
  ];
  context.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return exitCode.ok;
};

async function namesOf(wants: Completes | undefined, context: Context): Promise<readonly string[]> {
  switch (wants) {
    case 'project':
      return listProjects(context.environment);
    case 'signal':
      return Object.keys(constants.signals).flatMap((name) => [name, name.slice(3)]);
    case 'service': {
      const target = await findTarget(context);
      if (!target.ok) return [];
      const { project, name } = target.value;
      if (project !== undefined) return project.services.map((service) => service.name).sort();
      return [...new Set((await observed(context, name)).map(({ service }) => service))].sort();
    }
    case 'container': {
      const target = await findTarget(context);
      return target.ok ? (await observed(context, target.value.name)).map(({ name }) => name).sort() : [];
    }
    case 'volume': {
      const target = await findTarget(context);
      return target.ok ? (target.value.project?.volumes ?? []).map(({ key }) => key) : [];
    }
    default:
      return [];
  }
}

const observed = async (context: Context, project: ProjectName) =>
  (await openRuntime(context).observe(project)).containers;
