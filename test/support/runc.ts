import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Inspection, inspectionIn } from './inspection.ts';

/** Docker's default capabilities. */
const capabilities = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP'],
  ...['NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
].map((name) => `CAP_${name}`);

/** What Docker hides and what it lets nobody write (moby, mid-2026). */
const maskedPaths = [
  ...[
    'acpi',
    'asound',
    'interrupts',
    'kcore',
    'keys',
    'latency_stats',
    'sched_debug',
    'scsi',
    'timer_list',
    'timer_stats',
  ].map((name) => `/proc/${name}`),
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`);

const mount = (destination: string, type: string, source: string, options: readonly string[]) => ({
  destination,
  type,
  source,
  options,
});
const safe = ['nosuid', 'noexec', 'nodev'];

/** What Docker hands to runc for a container with default settings, no network and a hostname; without its seccomp profile. */
const config = (command: readonly string[]) => ({
  ociVersion: '1.0.2',
  process: {
    terminal: false,
    user: { uid: 0, gid: 0, additionalGids: [0] },
    args: command,
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOSTNAME=look', 'HOME=/root'],
    cwd: '/',
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: [],
      ambient: [],
    },
    noNewPrivileges: false,
    oomScoreAdj: 0,
  },
  root: { path: 'rootfs' },
  hostname: 'look',
  mounts: [
    mount('/proc', 'proc', 'proc', safe),
    mount('/dev', 'tmpfs', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
    mount('/sys', 'sysfs', 'sysfs', [...safe, 'ro']),
    mount('/sys/fs/cgroup', 'cgroup', 'cgroup', ['ro', ...safe]),
    mount('/dev/mqueue', 'mqueue', 'mqueue', safe),
    mount('/dev/shm', 'tmpfs', 'shm', [...safe, 'mode=1777', 'size=67108864']),
  ],
  linux: {
    namespaces: ['mount', 'network', 'uts', 'pid', 'ipc', 'cgroup'].map((type) => ({ type })),
    resources: { devices: deviceRules() },
    maskedPaths,
    readonlyPaths,
  },
});

function deviceRules() {
  const rule = (type: string, major: number | undefined, minor: number | undefined, access: string) => ({
    allow: true,
    type,
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    access,
  });
  const open = [
    [1, 5],
    [1, 3],
    [1, 9],
    [1, 8],
    [5, 0],
    [5, 1],
  ] as const;
  return [
    { allow: false, access: 'rwm' },
    ...open.map(([major, minor]) => rule('c', major, minor, 'rwm')),
    rule('c', undefined, undefined, 'm'),
    rule('b', undefined, undefined, 'm'),
  ];
}

/** Runs a command in a copy of a root under runc, as Docker would have it run, and returns what it saw. */
export function inspectUnderRunc(root: string, command: readonly string[]): Inspection {
  const bundle = mkdtempSync(join(tmpdir(), 'tsc-runc-'));
  const name = bundle.split('/').pop() as string;
  const state = ['--root', join(bundle, 'state')];
  try {
    cpSync(root, join(bundle, 'rootfs'), { recursive: true });
    mkdirSync(join(bundle, 'state'));
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(config(command)));
    return inspectionIn(
      execFileSync('runc', [...state, 'run', '--bundle', bundle, name], { encoding: 'utf8', timeout: 20_000 }),
    );
  } finally {
    spawnSync('runc', [...state, 'delete', '--force', name], { stdio: 'ignore' });
    rmSync(bundle, { recursive: true, force: true });
  }
}
