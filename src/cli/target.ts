import type { Project } from '../model/project.ts';
import type { ProjectName } from '../model/units.ts';
import type { Result } from '../util/result.ts';
import { err, ok } from '../util/result.ts';
import type { Context } from './context.ts';
import { exitCode } from './exit-code.ts';
import { sayError } from './say.ts';
import { loadTarget } from './stack.ts';

/** Which project a command is about, and the stack file's idea of it when there is one at hand. */
export type Target = { readonly name: ProjectName; readonly project?: Project };

/**
 * For commands that work from what is stored: a name is enough, the file is only read when none is given. Of the file they
 * need its names only: what has no effect in it is for those who bring it up to be told.
 */
export async function findTarget(context: Context): Promise<Result<Target, number>> {
  const { globals, environment } = context;
  const given = globals['project-name'] ?? environment['COMPOSE_PROJECT_NAME'];
  if (given && globals.file.length === 0 && !environment['COMPOSE_FILE']) {
    const name = given.toLowerCase();
    if (/^[a-z0-9][a-z0-9_-]*$/.test(name)) return ok({ name: name as ProjectName });
    sayError(context, {
      code: 'usage',
      message: `"${given}" cannot be the name of a project`,
      hint: 'letters, digits, - and _ are allowed, the first is a letter or a digit',
    });
    return err(exitCode.usage);
  }
  return loadTarget(context);
}
