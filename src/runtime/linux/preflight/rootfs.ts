import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { gunzipSync, constants as zlibConstants } from 'node:zlib';
import type { DesiredContainer } from '../../../model/state.ts';
import { unreachable } from '../../../util/assert.ts';
import { closest } from '../../../util/text.ts';
import { errnoOf } from '../rootfs/elf-file.ts';
import { listNames } from '../rootfs/glob.ts';
import { similarProgram } from '../rootfs/programs.ts';
import type { Look } from './look.ts';
import type { Report } from './report.ts';

type Options = { readonly report: Report; readonly hostDirectories: readonly string[]; readonly look: Look };

/** Whether what `rootfs:` names is there at all; false when it is no use to look any further. */
export function checkRootfs(container: DesiredContainer, { report, hostDirectories, look }: Options): boolean {
  const { rootfs } = container.config;
  switch (rootfs.kind) {
    case 'directory':
      return checkDirectory(container, { path: rootfs.path, report });
    case 'tarball':
      return checkTarball(container, { path: rootfs.path, report });
    case 'host':
      return checkPrograms(container, { programs: rootfs.programs, report, hostDirectories, look });
    default:
      return unreachable(rootfs);
  }
}

type PathCheck = { readonly path: string; readonly report: Report };

function checkDirectory(container: DesiredContainer, { path, report }: PathCheck): boolean {
  const stats = statOf(container, { path, report });
  if (stats === undefined) return false;
  if (stats.isDirectory() && resolve(path) !== '/') return true;
  const summary = stats.isDirectory()
    ? 'cannot use the root directory of the host as a root filesystem'
    : `cannot use ${path} as a root filesystem: it is not a directory`;
  const note = stats.isDirectory()
    ? 'name the programs that are needed: rootfs: { host: [sh] }'
    : 'a tarball is recognised by its name: .tar, .tar.gz, .tgz, .tar.zst';
  report.add(container, { code: 'rootfs-invalid', at: 'rootfs', summary, notes: [note] });
  return false;
}

function checkTarball(container: DesiredContainer, { path, report }: PathCheck): boolean {
  const stats = statOf(container, { path, report });
  if (stats === undefined) return false;
  const fault = stats.isFile() ? faultOfTarball(path) : { reason: 'it is not a regular file', notes: [] };
  if (fault === undefined) return true;
  const summary = `cannot use ${path} as a root filesystem: ${fault.reason}`;
  report.add(container, { code: 'rootfs-invalid', at: 'rootfs', summary, notes: fault.notes });
  return false;
}

type Fault = { readonly reason: string; readonly notes: readonly string[] };

/** A look at its first block only; the rest is found out when it is unpacked. */
function faultOfTarball(path: string): Fault | undefined {
  let head: Buffer;
  try {
    head = readHead(path);
  } catch (cause) {
    return { reason: errnoOf(cause), notes: ['check its permissions'] };
  }
  const hex = head.toString('hex', 0, 6);
  for (const [start, name] of [
    ['fd377a585a00', 'xz'],
    ['425a68', 'bzip2'],
  ] as const) {
    if (hex.startsWith(start))
      return { reason: `it is compressed with ${name}`, notes: ['compress it with gzip instead'] };
  }
  if (hex.startsWith('28b52ffd')) return undefined;
  const notes = ['write it with tar: tar -C DIRECTORY -czf ROOTFS.tar.gz .'];
  if (!hex.startsWith('1f8b')) return isTar(head) ? undefined : { reason: 'it is not a tar archive', notes };
  try {
    const plain = gunzipSync(head, { finishFlush: zlibConstants.Z_SYNC_FLUSH });
    return isTar(plain) ? undefined : { reason: 'it is not a tar archive', notes };
  } catch {
    return { reason: 'its compression is damaged', notes };
  }
}

const isTar = (bytes: Buffer): boolean => bytes.toString('latin1', 257, 262) === 'ustar';

function readHead(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(16_384);
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

function statOf(container: DesiredContainer, { path, report }: PathCheck): ReturnType<typeof statSync> | undefined {
  let reason = 'it does not exist';
  try {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined) return stats;
  } catch (cause) {
    reason = errnoOf(cause);
  }
  const names = listNames(dirname(path));
  const isLink = names.includes(basename(path));
  if (isLink && reason === 'it does not exist') reason = 'it is a link to what does not exist';
  const similar = isLink ? undefined : closest(basename(path), names);
  report.add(container, {
    code: 'rootfs-missing',
    at: 'rootfs',
    summary: `cannot use ${path} as a root filesystem: ${reason}`,
    notes: similar === undefined ? ['create it, or correct the path'] : [`did you mean "${similar}"?`],
  });
  return undefined;
}

function checkPrograms(
  container: DesiredContainer,
  { programs, report, hostDirectories, look }: Options & { readonly programs: readonly string[] },
): boolean {
  let isComplete = true;
  for (const [index, name] of programs.entries()) {
    const isThere = name.startsWith('/')
      ? statSync(name, { throwIfNoEntry: false }) !== undefined
      : look.isProgram(name);
    if (isThere) continue;
    isComplete = false;
    const similar = name.startsWith('/')
      ? closest(basename(name), listNames(dirname(name)))
      : similarProgram(name, hostDirectories);
    report.add(container, {
      code: 'program-missing',
      at: `rootfs.programs.${index}`,
      summary: `cannot find the program "${name}" on this host`,
      notes: [
        ...(similar === undefined ? [] : [`did you mean "${similar}"?`]),
        'install it, or name it by its absolute path',
      ],
    });
  }
  return isComplete;
}
