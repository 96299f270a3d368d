import { readFileSync, statSync } from 'node:fs';
import type { HostTree } from './host-tree.ts';

type Account = { readonly name: string; readonly fields: readonly string[] };

const maxBytes = 1 << 20;

/** The accounts of the host that a root filesystem gets: root, nobody and those that its programs ask for. */
export type Accounts = {
  readonly users: readonly Account[];
  readonly groups: readonly Account[];
};

export function selectAccounts(names: ReadonlySet<string>, files = hostAccountFiles): Accounts {
  const users = readAccounts(files.passwd).filter(({ name }) => names.has(name));
  const withoutRoot = users.every(({ name }) => name !== 'root');
  const allUsers = withoutRoot ? [rootUser, ...users] : users;
  const gids = new Set(allUsers.map(({ fields }) => fields[3]));
  const groups = readAccounts(files.group).filter(({ fields, name }) => gids.has(fields[2]) || name === 'tty');
  const allGroups = groups.every(({ name }) => name !== 'root') ? [rootGroup, ...groups] : groups;
  return { users: allUsers, groups: allGroups };
}

export const hostAccountFiles = { passwd: '/etc/passwd', group: '/etc/group' };

const rootUser: Account = { name: 'root', fields: ['root', 'x', '0', '0', 'root', '/root', '/bin/sh'] };
const rootGroup: Account = { name: 'root', fields: ['root', 'x', '0', ''] };

/** uid and gid of a user that was selected. */
export function ownerOf(accounts: Accounts, name: string): { readonly uid: number; readonly gid: number } | undefined {
  const user = accounts.users.find((account) => account.name === name);
  return user && { uid: Number(user.fields[2]), gid: Number(user.fields[3]) };
}

function readAccounts(path: string): readonly Account[] {
  try {
    if (statSync(path).size > maxBytes) return [];
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .filter((fields) => fields.length >= 4 && /^\d+$/.test(fields[2] ?? ''))
      .map((fields) => ({ name: fields[0] ?? '', fields }));
  } catch {
    return [];
  }
}

/** Files of /etc that are ours; the runtime mounts over hosts, hostname and resolv.conf. */
export function addEtc(tree: HostTree, accounts: Accounts): void {
  const members = new Set(accounts.users.map(({ name }) => name));
  const passwd = accounts.users.map(({ fields }) => [fields[0], 'x', ...fields.slice(2, 6), shellOf(fields)]);
  const group = accounts.groups.map(({ fields }) => [fields[0], 'x', fields[2], onlyKnown(fields[3] ?? '', members)]);
  tree.addBytes('/etc/passwd', lines(passwd));
  tree.addBytes('/etc/group', lines(group));
  tree.addBytes('/etc/nsswitch.conf', nsswitch);
  // Without it glibc takes only the first line of /etc/hosts that has a name, and so one family of its addresses.
  tree.addBytes('/etc/host.conf', 'multi on\n');
  tree.addBytes('/etc/hosts', '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n');
  tree.addBytes('/etc/hostname', '');
  tree.addBytes('/etc/resolv.conf', '');
}

/** The shell of an account may not be in this root, and `/bin/sh` is what is expected there. */
const shellOf = (fields: readonly string[]): string => (fields[2] === '0' ? '/bin/sh' : '/usr/sbin/nologin');

const onlyKnown = (members: string, known: ReadonlySet<string>): string =>
  members
    .split(',')
    .filter((name) => known.has(name))
    .join(',');

const lines = (records: readonly (readonly (string | undefined)[])[]): string =>
  records.map((fields) => `${fields.join(':')}\n`).join('');

const nsswitch = `passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
`;
