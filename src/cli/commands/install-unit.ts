import { mkdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Project } from '../../model/project.ts';
import type { Context } from '../context.ts';
import { exitCode } from '../exit-code.ts';
import { sayError } from '../say.ts';
import { knownServices } from '../services.ts';
import { loadProject, loadStack } from '../stack.ts';
import { unitText } from '../unit.ts';
import type { Runner } from './runner.ts';

export const installUnit: Runner<'install-unit'> = async ({ flags, args }, context) => {
  const loaded = await loadProject(context, args);
  if (!loaded.ok) return loaded.error;
  const project = loaded.value;
  const services = knownServices(context, args, { project });
  if (!services.ok) return services.error;
  if (context.globals.file.includes('-')) {
    const hint = 'give the file a name: the unit reads it at every boot';
    sayError(context, { code: 'usage', message: 'a unit cannot read the stack from standard input', hint });
    return exitCode.usage;
  }
  const text = unitText(project, {
    program: [process.execPath, realpathSync(process.argv[1] ?? '')],
    globals: globalsOf(project, context),
    services: services.value,
  });
  await warnOfVariables(context);
  if (flags.print) {
    context.stdout.write(text);
    return exitCode.ok;
  }
  const unit = `tscompose-${project.name}`;
  const path = resolve(context.cwd, flags.output ?? `/etc/systemd/system/${unit}.service`);
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.new`, text, { mode: 0o644 });
    renameSync(`${path}.new`, path);
  } catch (cause) {
    const { message } = cause as Error;
    const hint = 'print it with --print, or write it elsewhere with --output FILE';
    sayError(context, { code: 'io', message: `cannot write ${path}: ${message}`, hint });
    return exitCode.failed;
  }
  context.stdout.write(`${path}\n`);
  context.stderr.write(`next: systemctl daemon-reload && systemctl enable --now ${unit}\n`);
  return exitCode.ok;
};

/** What names the same stack at any time and from any directory. */
function globalsOf({ name, directory, files }: Project, { globals, cwd }: Context): readonly string[] {
  return [
    ...['-p', name, '--project-directory', directory],
    ...files.flatMap((file) => ['-f', file]),
    ...globals['env-file'].flatMap((file) => ['--env-file', resolve(cwd, file)]),
    ...globals.profile.flatMap((profile) => ['--profile', profile]),
  ];
}

/** Variables of this shell are not there at boot. */
async function warnOfVariables(context: Context): Promise<void> {
  const silent = { ...context, stderr: { ...context.stderr, write: () => {} } };
  const stack = await loadStack(silent, {}, { notices: false });
  const names = stack.ok ? stack.value.variables.map(({ name }) => name) : [];
  const fromHere = [...new Set(names)].filter((name) => context.environment[name] !== undefined).sort();
  if (fromHere.length === 0) return;
  const { stderr, paintError } = context;
  stderr.write(
    `${paintError('warning', 'warning')}: variables of this shell are not there at boot: ${fromHere.join(', ')}\n` +
      '  = set them in .env, or with systemctl edit (Environment=)\n',
  );
}
