import { absolute } from '../spec/canonical-leaf.ts';
import { suggest } from '../spec/suggest.ts';
import { maxEnvBytes } from '../spec/text.ts';
import type { Subject } from './resolving.ts';
import { placeAt } from './view.ts';

/** capabilities(7), in the order of their numbers. */
const capabilities = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
).split(' ');

export function capabilitiesOf(
  key: 'cap_add' | 'cap_drop',
  { service, name, view, report, trail }: Subject,
): readonly string[] {
  trail.add(key === 'cap_add' ? 'capAdd' : 'capDrop', key);
  const names = (service[key] ?? []).map((written, i) => {
    const capability = written.toUpperCase().replace(/^CAP_/, '');
    if (capability === 'ALL' || capabilities.includes(capability)) return capability;
    const near = suggest(capability, capabilities);
    report.error('bad-name', {
      summary: `service "${name}": there is no capability "${written}"`,
      at: placeAt(view, 'services', name, key, i),
      notes: [near === undefined ? 'capabilities are listed in capabilities(7)' : `did you mean "${near}"?`],
    });
    return capability;
  });
  return [...new Set(names)].sort();
}

export type SecurityOptions = {
  readonly noNewPrivileges: boolean;
  readonly seccomp: string;
  readonly maskPaths: boolean;
};

export function securityOf(subject: Subject): SecurityOptions {
  const { service, name, view, report, trail } = subject;
  let options: SecurityOptions = { noNewPrivileges: false, seccomp: 'default', maskPaths: true };
  (service.security_opt ?? []).forEach((written, i) => {
    const separator = written.search(/[=:]/);
    const key = separator === -1 ? written : written.slice(0, separator);
    const value = separator === -1 ? undefined : written.slice(separator + 1);
    const change = securityOption({ key, value, index: i }, subject);
    if (change === undefined) {
      const near = suggest(key, [
        'no-new-privileges',
        'seccomp',
        'systempaths',
        'apparmor',
        'label',
        'writable-cgroups',
      ]);
      report.error('bad-value', {
        summary: `service "${name}": "${written}" is not a security option`,
        at: placeAt(view, 'services', name, 'security_opt', i),
        notes: [
          near === undefined || near === key
            ? 'options are no-new-privileges, seccomp=FILE or unconfined, systempaths=unconfined, apparmor=…, label=…'
            : `did you mean "${near}"?`,
        ],
      });
      return;
    }
    for (const path of Object.keys(change)) trail.add(path, 'security_opt', i);
    options = { ...options, ...change };
  });
  return options;
}

type Option = { readonly key: string; readonly value: string | undefined; readonly index: number };

/** Nothing when there is no such option; empty when it changes nothing here (see support.ts). */
function securityOption({ key, value, index }: Option, subject: Subject): Partial<SecurityOptions> | undefined {
  switch (key) {
    case 'no-new-privileges':
      if (value !== undefined && value !== 'true' && value !== 'false') return undefined;
      return { noNewPrivileges: value !== 'false' };
    case 'seccomp': {
      const seccomp = seccompOf(value ?? '', index, subject);
      return seccomp === undefined ? {} : { seccomp };
    }
    case 'systempaths':
      return value === 'unconfined' ? { maskPaths: false } : undefined;
    case 'apparmor':
    case 'label':
    case 'writable-cgroups':
      return {};
    default:
      return undefined;
  }
}

/** The text of a profile: a change of the file is a change of the container. */
function seccompOf(
  value: string,
  index: number,
  { name, view, report, sources, directory, home }: Subject,
): string | undefined {
  if (value === 'unconfined' || value === 'default' || value === 'builtin')
    return value === 'unconfined' ? value : 'default';
  const at = placeAt(view, 'services', name, 'security_opt', index);
  const file = sources.text(absolute(value, { base: directory, home }), {
    limit: maxEnvBytes,
    what: 'seccomp profile',
    at,
  });
  if (file === undefined) return undefined;
  try {
    const profile: unknown = JSON.parse(file.text);
    if (typeof profile === 'object' && profile !== null && 'defaultAction' in profile) return file.text;
  } catch {
    // Said below, together with the other way of being no profile.
  }
  report.error('bad-value', {
    summary: `service "${name}": ${file.path} is not a seccomp profile`,
    at,
    notes: ['a profile is a JSON object with "defaultAction" and "syscalls"'],
  });
  return undefined;
}
