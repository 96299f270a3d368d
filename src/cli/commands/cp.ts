import { statSync } from 'node:fs';
import { basename, posix, resolve } from 'node:path';
import { tarEntries, tarSink } from '../../runtime/linux/files/archive.ts';
import { type CopySink, type CopyTarget, copyAll, targetOf } from '../../runtime/linux/files/entry.ts';
import { followLinks, guestEntries, guestSink } from '../../runtime/linux/files/guest-files.ts';
import { CopyRefused, hostEntries, hostSink } from '../../runtime/linux/files/host-files.ts';
import { openFiles, openFilesUnderLock, openLiveFiles } from '../../runtime/linux/files/open.ts';
import { FileError, type FileService } from '../../runtime/linux/files/service.ts';
import { chosenContainers } from '../chosen.ts';
import type { Context } from '../context.ts';
import { copying, sayLeftOut } from '../copying.ts';
import { exitCode, exitCodeOf } from '../exit-code.ts';
import { sayFailure } from '../explain.ts';
import { findReplica, type Replica } from '../replica.ts';
import { openRuntime } from '../runtime.ts';
import { sayError, sayMessage } from '../say.ts';
import type { Flags } from '../table.ts';
import type { Runner } from './runner.ts';

type Place =
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'guest'; readonly service: string; readonly path: string };

export const cp: Runner<'cp'> = async ({ flags, args }, context) => {
  const [from, to] = args.map(readPlace) as [Place, Place];
  if (from.kind === 'guest' && to.kind === 'host') return copyOut(context, flags, { from, to });
  if (from.kind === 'host' && to.kind === 'guest') return copyIn(context, flags, { from, to });
  const hint = 'write SERVICE:PATH for a path in a container; a host path with a colon begins with ./ or /';
  const message = `${from.kind === 'host' ? 'neither' : 'each'} of the two paths is in a container`;
  sayError(context, { code: 'usage', message, hint });
  return exitCode.usage;
};

function readPlace(text: string): Place {
  const colon = text.indexOf(':');
  if (colon <= 0 || /^[./]/.test(text)) return { kind: 'host', path: text };
  return { kind: 'guest', service: text.slice(0, colon), path: guestPath(text.slice(colon + 1)) };
}

/** Absolute, with what a trailing slash or `/.` says kept. */
function guestPath(text: string): string {
  const absolute = posix.resolve('/', text);
  const tail = /\/\.$|^\.$/.test(text) ? '/.' : text.endsWith('/') ? '/' : '';
  return absolute === '/' ? `/${tail.slice(1)}` : `${absolute}${tail}`;
}

type Out = { readonly from: Extract<Place, { kind: 'guest' }>; readonly to: Extract<Place, { kind: 'host' }> };
type In = { readonly from: Extract<Place, { kind: 'host' }>; readonly to: Extract<Place, { kind: 'guest' }> };

async function copyOut(context: Context, flags: Flags<'cp'>, { from, to }: Out): Promise<number> {
  const replica = await findReplica(context, { service: from.service, index: flags.index, running: false });
  if (!replica.ok) return replica.error;
  const { project, container } = replica.value;
  const open = () => openFiles(project, container.name, context.environment);
  return withFiles(context, replica.value, open, (files) =>
    copying(context, `${from.service}:${from.path}`, async () => {
      const bare = withoutTail(from.path);
      const path = flags['follow-link'] ? await followLinks(files, bare) : bare;
      const found = await files.stat(path);
      if (found === undefined) throw new FileError('ENOENT', bare);
      const kind = found.kind === 'directory' ? 'directory' : 'file';
      const source = { kind, name: basename(bare) || '.', contentsOnly: from.path.endsWith('/.') } as const;
      const sink = await outSink(context, { source, to: to.path, archive: flags.archive });
      await copyAll(guestEntries(files, path, { leftOut: sayLeftOut(context) }), sink);
    }),
  );
}

type OutSink = { readonly source: CopyTarget['source']; readonly to: string; readonly archive: boolean };

function outSink({ stdout, cwd }: Context, { source, to, archive }: OutSink): Promise<CopySink> | CopySink {
  if (to === '-') {
    if (stdout.isTty) throw new CopyRefused('a tar archive is nothing for a terminal; send it to a file or a pipe');
    return tarSink(source.contentsOnly ? '.' : source.name, stdout.write);
  }
  const there = statSync(resolve(cwd, to), { throwIfNoEntry: false });
  const path = /\/\.?$|^\.$/.test(to) ? `${resolve(cwd, to)}/` : resolve(cwd, to);
  const target = targetOf({ source, destination: { path, ...kindOf(there?.isDirectory()) } });
  if ('problem' in target) throw new CopyRefused(target.problem);
  return hostSink(target.path, { archive });
}

/** Without --index into all of them, as docker compose does. */
async function copyIn(context: Context, flags: Flags<'cp'>, { from, to }: In): Promise<number> {
  const first = await findReplica(context, { service: to.service, index: flags.index, running: false });
  if (!first.ok) return first.error;
  const { project } = first.value;
  const chosen = await chosenContainers(context, [to.service]);
  if (!chosen.ok) return chosen.error;
  // Standard input can be read once.
  const only = flags.index !== undefined || from.path === '-';
  const replicas = only ? [first.value] : chosen.value.containers.map((container) => ({ project, container }));
  let code: number = exitCode.ok;
  for (const replica of replicas) {
    code ||= await withFilesToWrite(context, replica, (files) =>
      copying(context, `to ${to.service}:${to.path}`, () =>
        copyInto(context, flags, { files, from: from.path, to: to.path }),
      ),
    );
  }
  return code;
}

type Into = { readonly files: FileService; readonly from: string; readonly to: string };

async function copyInto(context: Context, flags: Flags<'cp'>, { files, from, to }: Into): Promise<void> {
  const archive = flags.archive;
  const leftOut = sayLeftOut(context);
  const real = await followLinks(files, withoutTail(to));
  const there = await files.stat(real);
  if (from === '-') {
    if (there?.kind !== 'directory')
      throw new CopyRefused(`an archive is unpacked into a directory, and ${to} is none`);
    return copyAll(tarEntries(process.stdin, { leftOut }), guestSink(files, real, { archive }));
  }
  const path = resolve(context.cwd, from);
  const follow = flags['follow-link'] || /\/\.?$/.test(from);
  const isDirectory = statSync(path).isDirectory() && (follow || !(await isLink(path)));
  const source = {
    kind: isDirectory ? 'directory' : 'file',
    name: basename(path) || '.',
    contentsOnly: /(^|\/)\.$/.test(from),
  } as const;
  const tail = /\/\.?$/.exec(to)?.[0] ?? '';
  const destination = { path: real === '/' ? real : `${real}${tail}`, ...kindOf(there && there.kind === 'directory') };
  const target = targetOf({ source, destination });
  if ('problem' in target) throw new CopyRefused(target.problem);
  await copyAll(hostEntries(path, { follow, leftOut }), guestSink(files, target.path, { archive }));
}

async function isLink(path: string): Promise<boolean> {
  const { lstat } = await import('node:fs/promises');
  return (await lstat(path)).isSymbolicLink();
}

const kindOf = (isDirectory: boolean | undefined): { readonly kind?: 'file' | 'directory' } =>
  isDirectory === undefined ? {} : { kind: isDirectory ? 'directory' : 'file' };

const withoutTail = (path: string): string => path.replace(/(.)\/\.?$/, '$1').replace(/^\/\.$/, '/');

/** `open` throws a `FileError` when there is nothing to be opened. */
async function withFiles(
  context: Context,
  { container }: Replica,
  open: () => Promise<FileService>,
  work: (files: FileService) => Promise<number>,
): Promise<number> {
  const files = await open().catch((error: unknown) => {
    if (error instanceof FileError) return undefined;
    throw error;
  });
  if (files === undefined) {
    const message = `cannot reach the files of ${container.name}: it was removed or has just ended`;
    sayError(context, { code: 'copy-failed', message });
    return exitCode.failed;
  }
  try {
    return await work(files);
  } finally {
    await files.close();
  }
}

/** Nobody may start a container while something is copied into it that does not run; one that runs needs no lock. */
async function withFilesToWrite(
  context: Context,
  replica: Replica,
  work: (files: FileService) => Promise<number>,
): Promise<number> {
  const { project, container } = replica;
  const live = openLiveFiles(project, container.name, context.environment);
  if (live !== undefined) return withFiles(context, replica, () => live, work);
  const session = await openRuntime(context).open(project, {
    title: 'cp',
    onWait: (holder) => sayMessage(context, `waiting for ${holder} to finish`),
    warn: (message) => sayMessage(context, `warning: ${message}`),
    signal: new AbortController().signal,
  });
  if (!session.ok) {
    sayFailure(context, session.error);
    return exitCodeOf(session.error.code);
  }
  try {
    return await withFiles(
      context,
      replica,
      () => openFilesUnderLock(project, container.name, context.environment),
      work,
    );
  } finally {
    await session.value.close();
  }
}
