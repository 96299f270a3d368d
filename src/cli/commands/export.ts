import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { tarSink } from '../../runtime/linux/files/archive.ts';
import { copyAll } from '../../runtime/linux/files/entry.ts';
import { guestEntries } from '../../runtime/linux/files/guest-files.ts';
import { openFiles } from '../../runtime/linux/files/open.ts';
import { copying } from '../copying.ts';
import { exitCode } from '../exit-code.ts';
import { findReplica } from '../replica.ts';
import { sayError } from '../say.ts';
import type { Runner } from './runner.ts';

export const exportCommand: Runner<'export'> = async ({ flags, args }, context) => {
  const [service = ''] = args;
  if (flags.output === undefined && context.stdout.isTty) {
    const message = 'a tar archive is nothing for a terminal';
    sayError(context, { code: 'usage', message, hint: 'name a file with -o, or send it to a pipe' });
    return exitCode.usage;
  }
  const replica = await findReplica(context, { service, index: flags.index, running: false });
  if (!replica.ok) return replica.error;
  const { project, container } = replica.value;
  const files = await openFiles(project, container.name, context.environment);
  try {
    return await copying(context, `the files of ${container.name}`, async () => {
      const output = flags.output === undefined ? undefined : openSync(resolve(context.cwd, flags.output), 'w');
      try {
        const write = output === undefined ? context.stdout.write : (bytes: Uint8Array) => writeAll(output, bytes);
        // Sockets and devices of a container mean nothing elsewhere; docker leaves mounts out, too.
        const entries = guestEntries(files, '/', { leftOut: () => {}, oneFilesystem: true });
        await copyAll(entries, await tarSink('.', write));
      } finally {
        if (output !== undefined) closeSync(output);
      }
    });
  } finally {
    await files.close();
  }
};

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}
