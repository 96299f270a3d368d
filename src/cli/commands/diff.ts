import { fileChanges } from '../../runtime/linux/changes.ts';
import { exitCode } from '../exit-code.ts';
import { printable } from '../render/width.ts';
import { findReplica } from '../replica.ts';
import type { Runner } from './runner.ts';

export const diff: Runner<'diff'> = async ({ flags, args, globals }, context) => {
  const [service = ''] = args;
  const replica = await findReplica(context, { service, index: flags.index, running: false });
  if (!replica.ok) return replica.error;
  const { project, container } = replica.value;
  const changes = (await fileChanges(project, container.name, context.environment)) ?? [];
  const line = globals.json
    ? (change: (typeof changes)[number]) => JSON.stringify(change)
    : ({ kind, path }: (typeof changes)[number]) => `${kind} ${printable(path, 1)}`;
  context.stdout.write(changes.map((change) => `${line(change)}\n`).join(''));
  return exitCode.ok;
};
