import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProjectName } from '../../model/units.ts';
import { hostPaths, projectPaths } from '../../runtime/linux/paths.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { sayError, sayMessage } from '../say.ts';

/** How long it may take until it watches; then it is left to itself. */
const patienceMs = 10_000;

/**
 * Watch mode as a process of its own, which ends with the project or when it is begun again. Returns when it watches; the
 * exit code has been explained.
 */
export async function watchInBackground(
  context: Context,
  project: ProjectName,
  names: readonly string[],
): Promise<number> {
  const { stderr, environment, cwd } = context;
  if (context.globals.file.includes('-')) {
    const hint = 'give the file a name, or leave out -d';
    sayError(context, { code: 'usage', message: 'cannot follow standard input in the background', hint });
    return exitCode.usage;
  }
  const { watchLog } = projectPaths(hostPaths(environment), project);
  const log = openSync(watchLog, 'w', 0o600);
  const [, program = ''] = process.argv;
  const child = spawn(process.execPath, [program, ...globalArguments(context, project), 'watch', '--no-up', ...names], {
    cwd,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  if (await begins(child, watchLog)) {
    sayMessage(context, `watching in the background; what it does: ${watchLog}`);
    return exitCode.ok;
  }
  stderr.write(textOf(watchLog));
  sayError(context, { code: 'watch-failed', message: 'cannot watch in the background', hint: 'try tscompose watch' });
  return exitCode.failed;
}

/** What the command line of `up` says for every command. */
function globalArguments({ globals }: Context, project: ProjectName): readonly string[] {
  const list = (flag: string, values: readonly string[]) => values.flatMap((value) => [flag, value]);
  return [
    '--no-color',
    ...list('-p', [project]),
    ...list('-f', globals.file),
    ...list('--env-file', globals['env-file']),
    ...list('--profile', globals.profile),
    ...list('--project-directory', globals['project-directory'] === undefined ? [] : [globals['project-directory']]),
  ];
}

async function begins(child: ChildProcess, log: string): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += 20) {
    if (/^⦿ watching/m.test(textOf(log))) return true;
    if (child.exitCode !== null || child.signalCode !== null) return false;
    await sleep(20);
  }
  return true;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
