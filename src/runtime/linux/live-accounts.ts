import type { RuntimeFailure } from '../../model/event.ts';
import type { ContainerName, ProjectName } from '../../model/units.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { followLinks } from './files/guest-files.ts';
import { openFiles } from './files/open.ts';
import { FileError, type FileService } from './files/service.ts';
import type { HostEnvironment } from './options.ts';
import { type AccountPath, maxFileBytes, type ReadAccounts } from './rootfs/users.ts';

/**
 * The account files of a running container as it sees them now: users that its command has made, and files mounted over
 * those of its root. Read inside, so that no link leads out.
 */
export async function liveAccounts(
  project: ProjectName,
  container: ContainerName,
  host: HostEnvironment,
): Promise<Result<ReadAccounts, RuntimeFailure>> {
  try {
    const files = await openFiles(project, container, host);
    try {
      const passwd = await readWhole(files, '/etc/passwd');
      const group = await readWhole(files, '/etc/group');
      return ok((path) => (path === '/etc/passwd' ? passwd : group));
    } finally {
      await files.close();
    }
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    // It has ended meanwhile.
    return err({ code: 'not-running', message: `cannot look up a user in ${container}: ${cause.message}`, notes: [] });
  }
}

async function readWhole(files: FileService, path: AccountPath): Promise<Result<string, string>> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of files.read(await followLinks(files, path))) {
      size += chunk.length;
      if (size > maxFileBytes) return err(`it is larger than ${maxFileBytes >> 20} MiB`);
      chunks.push(chunk);
    }
  } catch (cause) {
    if (!(cause instanceof FileError)) throw cause;
    return cause.code === 'ENOENT' ? ok('') : err(cause.code);
  }
  return ok(Buffer.concat(chunks).toString());
}
