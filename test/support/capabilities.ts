import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { vmMissing } from './vm/kernel.ts';
import { systemdMissing } from './vm/systemd.ts';

/**
 * What a scenario can ask of the machine, and how to tell that it is there. A missing one skips the scenario with this
 * reason in its title; .ci/run lists in TSCOMPOSE_TEST_EXPECT what it has installed, and skipping because one of those is
 * missing is a failure.
 */
const probes = {
  root: () => (process.getuid?.() === 0 ? undefined : 'needs root'),
  cc: () => program('cc'),
  // Compiler, headers and emulator come in separate packages.
  arm64: () => program('aarch64-linux-gnu-gcc') ?? program('qemu-aarch64') ?? arm64Headers(),
  bash: () => program('bash'),
  br_netfilter: () => (existsSync('/proc/sys/net/bridge/bridge-nf-call-iptables') ? undefined : 'needs br_netfilter'),
  busybox: () => program('busybox'),
  dig: () => program('dig'),
  firewalld: () => program('firewalld') ?? program('dbus-daemon'),
  fish: () => program('fish'),
  git: () => program('git'),
  dockerd: () => program('dockerd') ?? program('containerd') ?? program('docker'),
  groff: () => program('groff'),
  iptables: () => program('iptables'),
  'iptables-legacy': () => program('iptables-legacy') ?? legacyTables(),
  nft: () => program('nft'),
  nginx: () => program('nginx'),
  openssl: () => program('openssl'),
  postgres: () => program('postgres') ?? program('initdb'),
  prlimit: () => program('prlimit'),
  python3: () => program('python3'),
  setpriv: () => program('setpriv'),
  'redis-server': () => program('redis-server'),
  socat: () => program('socat') ?? program('ip') ?? program('ping') ?? program('curl'),
  runc: () => program('runc') ?? runcWorks(),
  tmux: () => program('tmux'),
  vim: () => program('vi') ?? program('vim.tiny'),
  vm: () => vmMissing(whereIs),
  'vm with systemd': () => vmMissing(whereIs) ?? systemdMissing(),
  'cpu controller': () => controller('cpu'),
  'blkio controller': () => controller('blkio') ?? (wholeDisk() === undefined ? 'needs a disk' : undefined),
  'memory controller': () => controller('memory'),
  'v1 memory': () => v1('memory'),
  'pids controller': () => controller('pids'),
  // In a pid namespace of one's own, the number of the next process can be chosen.
  'pid recycling': () =>
    program('unshare') ?? (existsSync('/proc/sys/kernel/ns_last_pid') ? undefined : 'needs ns_last_pid'),
  unshare: () => program('unshare'),
  zsh: () => program('zsh'),
  'time namespace': () => (existsSync('/proc/self/ns/time') ? undefined : 'needs a kernel with time namespaces'),
} as const satisfies { readonly [name: string]: () => string | undefined };

export type Capability = keyof typeof probes;

/** Why these needs cannot be met here: empty when they can. */
export function missing(needs: readonly Capability[]): string[] {
  return needs.map(reason).filter((why) => why !== undefined);
}

/** Whether the one who runs the tests has promised that these needs are met. */
export function promised(needs: readonly Capability[]): boolean {
  const expected = (process.env['TSCOMPOSE_TEST_EXPECT'] ?? '').split(' ');
  return needs.some((need) => expected.includes(need) && reason(need) !== undefined);
}

const known = new Map<Capability, string | undefined>();

function reason(need: Capability): string | undefined {
  if (!known.has(need)) known.set(need, probes[need]());
  return known.get(need);
}

/** The absolute path of a program in PATH (daemons' directories included), or undefined. */
export function whereIs(name: string): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return directories.map((directory) => join(directory, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** In a namespace of its own: to list a table of it is to make it, for good. */
function legacyTables(): string | undefined {
  try {
    execFileSync('unshare', ['-n', 'iptables-legacy', '-S'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs a kernel with the tables of iptables-legacy';
  }
}

const program = (name: string): string | undefined => (whereIs(name) ? undefined : `needs ${name}`);

/** A whole disk of this machine, whose numbers can be limited whether it is used or not; a node in /dev. */
export function wholeDisk(): { readonly path: string; readonly numbers: string } | undefined {
  const name = readdirSync('/sys/block').find((each) => existsSync(`/dev/${each}`));
  if (name === undefined) return undefined;
  return { path: `/dev/${name}`, numbers: readFileSync(`/sys/block/${name}/dev`, 'utf8').trim() };
}

function controller(name: string): string | undefined {
  const v1 = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  if (v1.some((line) => (line.split(':')[1] ?? '').split(',').includes(name))) return undefined;
  const v2 = '/sys/fs/cgroup/cgroup.controllers';
  if (existsSync(v2) && readFileSync(v2, 'utf8').split(/\s+/).includes(name)) return undefined;
  return `needs the ${name} cgroup controller`;
}

function arm64Headers(): string | undefined {
  const include = '/usr/aarch64-linux-gnu/include';
  const present = existsSync(`${include}/asm/unistd.h`) && existsSync(`${include}/stdio.h`);
  return present ? undefined : 'needs the headers of arm64 (libc6-dev-arm64-cross, linux-libc-dev-arm64-cross)';
}

function v1(name: string): string | undefined {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  return lines.some((line) => line.split(':')[1] === name) ? undefined : `needs the ${name} controller of cgroup v1`;
}

function runcWorks(): string | undefined {
  try {
    execFileSync('runc', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'needs a runc that starts';
  }
}
