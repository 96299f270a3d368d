/** What the inspector (programs/inspect.c) saw, as it printed it. */
export type Inspection = {
  readonly pid: number;
  readonly ppid: number;
  readonly session: number;
  readonly group: number;
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly umask: string;
  readonly hostname: string;
  readonly cwd: string;
  readonly env: readonly string[];
  /** Seconds, as the container's clocks show them. */
  readonly monotonic: number;
  readonly boottime: number;
  readonly files: { readonly [path: string]: string | { readonly errno: number } };
  readonly dev: Entries;
  readonly root: Entries;
  readonly fds: Entries;
  readonly proc: Entries;
  readonly namespaces: { readonly [kind: string]: string };
  /** 0 or the errno of things that were tried. */
  readonly attempts?: { readonly [what: string]: number };
};

export type Entries = {
  readonly [name: string]: {
    /** Octal, with the file type. */
    readonly mode: string;
    readonly uid: number;
    readonly gid: number;
    readonly major: number;
    readonly minor: number;
    readonly target: string;
  };
};

/** The one line of JSON in the output of a service. */
export function inspectionIn(output: string): Inspection {
  const line = output.split('\n').find((text) => text.startsWith('{"pid"'));
  if (line === undefined) throw new Error(`no inspection in: ${output.slice(0, 2000)}`);
  return JSON.parse(line);
}

/** The text of a file of the inspection that must have been readable. */
export function fileText(seen: Inspection, path: string): string {
  const text = seen.files[path];
  if (typeof text !== 'string') throw new Error(`${path}: ${JSON.stringify(text)}`);
  return text;
}

/** A field of /proc/self/status. */
export function statusField(seen: Inspection, name: string): string {
  const match = new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(fileText(seen, '/proc/self/status'));
  if (!match) throw new Error(`no ${name} in /proc/self/status`);
  return match[1] as string;
}

export type MountLine = { readonly point: string; readonly type: string; readonly options: readonly string[] };

/** The mounts of the container in the order they were made: later ones cover earlier ones. */
export function mountsOf(seen: Inspection): MountLine[] {
  return fileText(seen, '/proc/self/mountinfo')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const fields = before.split(' ');
      return { point: fields[4] ?? '', type: after.split(' ')[0] ?? '', options: (fields[5] ?? '').split(',') };
    });
}

const capabilityNames = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...['LINUX_IMMUTABLE', 'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER'],
  ...['SYS_MODULE', 'SYS_RAWIO', 'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE'],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP'],
  ...['MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF'],
  'CHECKPOINT_RESTORE',
] as const;

/** The names in a set of capabilities as /proc/self/status shows it, sorted. */
export function capabilitiesIn(hex: string): string[] {
  const bits = BigInt(`0x${hex}`);
  return capabilityNames.filter((_, number) => (bits >> BigInt(number)) & 1n).sort();
}
