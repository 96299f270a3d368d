import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { HostPath } from '../../../model/units.ts';
import { unreachable } from '../../../util/assert.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { closest } from '../../../util/text.ts';
import { errnoOf } from './elf-file.ts';
import { resolveInRoot } from './resolve-in-root.ts';

export type ResolvedUser = {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one among them: without it a negative permission of the group would not hold. */
  readonly groups: readonly number[];
  /** What HOME is to be. */
  readonly home: string;
  /** Absent when the uid has no name in the root filesystem. */
  readonly name?: string;
};

type Resolved<T> = Result<T, RuntimeFailure>;
type Passwd = { readonly name: string; readonly uid: number; readonly gid: number; readonly home: string };
type Group = { readonly name: string; readonly gid: number; readonly members: readonly string[] };

/** (uid_t) -1 means "leave as it is" to chown(2) and setresuid(2), and must never get there. */
const maxId = 2 ** 32 - 2;
/** An account file that is larger is nobody's account file. */
export const maxFileBytes = 8 << 20;
/** NGROUPS_MAX since Linux 2.6.4. */
const maxGroups = 65_536;

export type AccountPath = '/etc/passwd' | '/etc/group';
/** The text of an account file, empty when there is none; or why it cannot be read. */
export type ReadAccounts = (path: AccountPath) => Result<string, string>;

/**
 * Who `user:` stands for inside a root filesystem, given by its layers, top first, or by what reads its files. Digits are always a number and never
 * looked up as a name, an unknown name is an error and never root (CVE-2016-3697, CVE-2024-40635, CVE-2026-46680).
 */
export function resolveUser(
  root: readonly HostPath[] | ReadAccounts,
  user: string | undefined,
  groupAdd: readonly string[],
): Resolved<ResolvedUser> {
  const [userPart = '', groupPart, ...more] = (user ?? '0').split(':');
  if (more.length > 0 || userPart === '' || groupPart === '') {
    return refuse('user', `cannot understand the user "${user}"`, 'write UID, UID:GID, NAME or NAME:GROUP');
  }
  const files = new AccountFiles(typeof root === 'function' ? root : (path) => readFrom(root, path));
  const account = findUser(files, userPart);
  if (!account.ok) return account;
  const { uid, entry } = account.value;
  const primary = groupPart === undefined ? ok(entry?.gid ?? 0) : findGroup(files, groupPart, 'user');
  if (!primary.ok) return primary;

  const groups = new Set([primary.value]);
  // As Docker does: who names a group gets that one, and not those of the user.
  const own = groupPart === undefined && entry !== undefined ? groupsOf(files, entry.name) : ok([]);
  if (!own.ok) return own;
  for (const gid of own.value) groups.add(gid);
  for (const [index, name] of groupAdd.entries()) {
    const added = findGroup(files, name, `groupAdd.${index}`);
    if (!added.ok) return added;
    groups.add(added.value);
  }
  if (groups.size > maxGroups) return refuse('user', `cannot be in more than ${maxGroups} groups`);
  const home = entry?.home.startsWith('/') ? entry.home : '/';
  const name = entry === undefined ? {} : { name: entry.name };
  return ok({ uid, gid: primary.value, groups: [...groups].sort((a, b) => a - b), home, ...name });
}

function groupsOf(files: AccountFiles, name: string): Resolved<readonly number[]> {
  const groups = files.groups();
  return groups.ok ? ok(groups.value.filter(({ members }) => members.includes(name)).map(({ gid }) => gid)) : groups;
}

function findUser(
  files: AccountFiles,
  text: string,
): Resolved<{ readonly uid: number; readonly entry: Passwd | undefined }> {
  const number = parseId(text);
  if (number === 'too-large') return refuse('user', `cannot use the user id ${text}: it is above ${maxId}`);
  const users = files.users();
  if (!users.ok) return users;
  if (number !== undefined) return ok({ uid: number, entry: users.value.find(({ uid }) => uid === number) });
  const entry = users.value.find(({ name }) => name === text);
  if (entry !== undefined) return ok({ uid: entry.uid, entry });
  return refuse(
    'user',
    `cannot find the user "${text}" in /etc/passwd of the root filesystem`,
    ...suggest(text, users.value),
  );
}

function findGroup(files: AccountFiles, text: string, configPath: string): Resolved<number> {
  const number = parseId(text);
  if (number === 'too-large') return refuse(configPath, `cannot use the group id ${text}: it is above ${maxId}`);
  if (number !== undefined) return ok(number);
  const groups = files.groups();
  if (!groups.ok) return groups;
  const group = groups.value.find(({ name }) => name === text);
  if (group !== undefined) return ok(group.gid);
  const message = `cannot find the group "${text}" in /etc/group of the root filesystem`;
  return refuse(configPath, message, ...suggest(text, groups.value));
}

function suggest(text: string, known: readonly { readonly name: string }[]): readonly string[] {
  const similar = closest(
    text,
    known.map(({ name }) => name),
  );
  const names = known.slice(0, 20).map(({ name }) => name);
  return [
    ...(similar === undefined ? [] : [`did you mean "${similar}"?`]),
    names.length === 0
      ? 'it has none at all; use a number'
      : `it has: ${names.join(', ')}; a number works without an entry`,
  ];
}

function parseId(text: string): number | 'too-large' | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const value = Number(text);
  return value <= maxId ? value : 'too-large';
}

class AccountFiles {
  readonly #read: ReadAccounts;

  constructor(read: ReadAccounts) {
    this.#read = read;
  }

  users(): Resolved<readonly Passwd[]> {
    const lines = this.#lines('/etc/passwd');
    if (!lines.ok) return lines;
    return ok(
      lines.value.flatMap(([name = '', , uidText = '', gidText = '', , home = '']) => {
        const [uid, gid] = [parseId(uidText), parseId(gidText)];
        return name !== '' && typeof uid === 'number' && typeof gid === 'number' ? [{ name, uid, gid, home }] : [];
      }),
    );
  }

  groups(): Resolved<readonly Group[]> {
    const lines = this.#lines('/etc/group');
    if (!lines.ok) return lines;
    return ok(
      lines.value.flatMap(([name = '', , gidText = '', members = '']) => {
        const gid = parseId(gidText);
        return name !== '' && typeof gid === 'number' ? [{ name, gid, members: members.split(',') }] : [];
      }),
    );
  }

  #lines(path: AccountPath): Resolved<readonly (readonly string[])[]> {
    const text = this.#read(path);
    if (!text.ok) return refuse('user', `cannot read ${path} of the root filesystem: ${text.error}`);
    return ok(text.value.split('\n').map((line) => line.split(':')));
  }
}

/** A file that is not there is empty: images without accounts are usual. */
function readFrom(layers: readonly HostPath[], path: AccountPath): Result<string, string> {
  const resolved = resolveInRoot(layers, path);
  if (resolved.ok) return readText(resolved.value.host);
  switch (resolved.error.kind) {
    case 'missing':
      return ok('');
    case 'not-a-directory':
      return err(`${resolved.error.at} is no directory`);
    case 'loop':
      return err('its links lead in a circle');
    default:
      return unreachable(resolved.error);
  }
}

/** Account files of an image are hostile: read only when they are regular files of a sane size. */
function readText(path: HostPath): Result<string, string> {
  let fd: number | undefined;
  try {
    // A FIFO put there would make open(2) wait forever (CVE-2024-9676).
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd);
    if (!stats.isFile()) return err('it is not a regular file');
    if (stats.size > maxFileBytes) return err(`it is larger than ${maxFileBytes >> 20} MiB`);
    const bytes = Buffer.alloc(stats.size);
    return ok(bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0)));
  } catch (cause) {
    return err(errnoOf(cause));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

const refuse = (configPath: string, message: string, ...notes: readonly string[]): Result<never, RuntimeFailure> =>
  err({ code: 'setup-failed', message, configPath, notes });
