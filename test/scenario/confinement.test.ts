import { readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { inspect } from '../support/checks.ts';
import {
  capabilitiesIn,
  type Entries,
  fileText,
  type Inspection,
  mountsOf,
  statusField,
} from '../support/inspection.ts';
import { inspectUnderRunc } from '../support/runc.ts';
import { scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

const safetyFlags = ['ro', 'nosuid', 'nodev', 'noexec'];
const secrets = [
  '/proc/kcore',
  '/proc/keys',
  '/proc/interrupts',
  '/proc/timer_list',
  '/proc/sched_debug',
  '/proc/latency_stats',
];

/** An inspection as sentences that two runtimes can agree or differ on. */
function factsOf(seen: Inspection): Map<string, string> {
  const facts = new Map<string, string>();
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    facts.set(`capabilities ${set}`, capabilitiesIn(statusField(seen, set)).join(' '));
  }
  for (const name of ['NoNewPrivs', 'Seccomp', 'SigBlk', 'SigIgn', 'SigCgt']) facts.set(name, statusField(seen, name));
  for (const [name, entry] of Object.entries(seen.dev)) facts.set(`device ${name}`, describeEntry(entry));
  for (const { point, type, options } of mountsOf(seen)) {
    facts.set(`mount ${point}`, [type, ...options.filter((option) => safetyFlags.includes(option))].join(' '));
  }
  for (const [what, errno] of Object.entries(seen.attempts ?? {})) facts.set(`attempt: ${what}`, String(errno));
  for (const path of secrets)
    facts.set(`content of ${path}`, String(seen.files[path] === '' || typeof seen.files[path] === 'object'));
  for (const line of fileText(seen, '/proc/self/limits').trim().split('\n').slice(1)) {
    const [name = '', soft = '', hard = ''] = line.split(/\s{2,}/);
    facts.set(`limit ${name}`, `${soft} ${hard}`);
  }
  for (const [kind, link] of Object.entries(seen.namespaces)) {
    facts.set(`namespace ${kind}`, link === readlinkSync(`/proc/self/ns/${kind}`) ? "the host's" : 'its own');
  }
  facts.set('oom_score_adj', fileText(seen, '/proc/self/oom_score_adj').trim());
  facts.set('umask', seen.umask);
  facts.set('groups', seen.groups.join(' '));
  facts.set('working directory', seen.cwd);
  facts.set('environment', [...seen.env].sort().join(' '));
  facts.set(
    'open files',
    Object.values(seen.fds)
      .filter(({ target }) => !target.endsWith('/fd'))
      .length.toString(),
  );
  facts.set('session leader', String(seen.session === seen.pid));
  facts.set('PID 1', String(seen.pid === 1));
  return facts;
}

const describeEntry = ({ mode, uid, gid, major, minor, target }: Entries[string]): string =>
  `${mode} ${uid}:${gid} ${target === '' ? `${major}:${minor}` : `→ ${target}`}`;

/** The first column of the table of differences in docs/confinement.md; `*` stands for any text. */
function documentedDifferences(): RegExp[] {
  const text = readFileSync(join(root, 'docs/confinement.md'), 'utf8');
  const section = text.slice(text.indexOf('## Differences'));
  const rows = [...section.matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] as string);
  return rows.map((row) => new RegExp(`^${row.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}$`));
}

describe('the confinement of a container', () => {
  scenario("is Docker's, but for the differences that the documents justify", ['runc'], async (rig) => {
    const ours = factsOf(await inspect(rig, { hostname: 'look' }));
    const theirs = factsOf(inspectUnderRunc(rig.puppetRoot(), ['/bin/inspect', '--try']));
    const names = [...new Set([...ours.keys(), ...theirs.keys()])].sort();
    const different = names.filter((name) => ours.get(name) !== theirs.get(name));
    const documented = documentedDifferences();
    const surprises = different.filter((name) => !documented.some((pattern) => pattern.test(name)));
    expect(surprises.map((name) => `${name}: ours ${ours.get(name)}, runc ${theirs.get(name)}`)).toEqual([]);
    // A row about a difference that there is no more is as wrong as one that is missing.
    expect(documented.filter((pattern) => !different.some((name) => pattern.test(name))).map(String)).toEqual([]);
  });

  scenario('has exactly the capabilities of the default set, added and dropped ones counted', [], async (rig) => {
    const seen = await inspect(rig, { cap_drop: ['ALL'], cap_add: ['NET_BIND_SERVICE', 'CHOWN'] });
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
      expect(capabilitiesIn(statusField(seen, set)), set).toEqual(['CHOWN', 'NET_BIND_SERVICE']);
    }
    for (const set of ['CapInh', 'CapAmb']) expect(capabilitiesIn(statusField(seen, set)), set).toEqual([]);
  });

  scenario('gives a user that is not root no capability at all, and its groups', [], async (rig) => {
    rig.puppetRoot();
    rig.write('root/etc/passwd', 'root:x:0:0::/root:/bin/sh\napp:x:1500:1600::/srv/app:/bin/sh\n');
    rig.write('root/etc/group', 'root:x:0:\napp:x:1600:\nextra:x:1700:app\n');
    const seen = await inspect(rig, { user: 'app', group_add: ['1800'] });
    expect([seen.uid, seen.gid]).toEqual([1500, 1600]);
    expect([...seen.groups].sort()).toEqual([1600, 1700, 1800]);
    expect(seen.env).toContain('HOME=/srv/app');
    for (const set of ['CapPrm', 'CapEff', 'CapInh', 'CapAmb'])
      expect(capabilitiesIn(statusField(seen, set)), set).toEqual([]);
  });

  scenario('takes digits as a number even where a user has that name', [], async (rig) => {
    rig.puppetRoot();
    rig.write('root/etc/passwd', '1234:x:0:0::/root:/bin/sh\n');
    rig.write('root/etc/group', '');
    const seen = await inspect(rig, { user: '1234' });
    expect(seen.uid).toBe(1234);
  });

  scenario('refuses new privileges when asked to', [], async (rig) => {
    const seen = await inspect(rig, { security_opt: ['no-new-privileges:true'] });
    expect(statusField(seen, 'NoNewPrivs')).toBe('1');
  });

  scenario('lets no container open a disk or a kernel setting', [], async (rig) => {
    const { attempts = {} } = await inspect(rig);
    // EROFS or, where the kernel has no such file, ENOENT.
    for (const what of ['write /proc/sysrq-trigger', 'write /proc/sys/kernel/core_pattern', 'create /sys/fs/x']) {
      expect([30, 2], what).toContain(attempts[what]);
    }
    for (const what of ['mount tmpfs', 'sethostname', 'open disk']) expect([1, 13], what).toContain(attempts[what]);
  });
});
