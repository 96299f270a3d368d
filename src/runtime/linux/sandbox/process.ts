import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import { ok, type Result } from '../../../util/result.ts';
import { grantCapabilities } from '../caps.ts';
import { nulTerminated, type SetupOp, shared } from '../frame.ts';
import { seccompFilter } from '../seccomp.ts';
import type { ResolvedUser } from './facts.ts';
import { notifyEnvironment } from './notify.ts';
import { op } from './op.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** SECCOMP_FILTER_FLAG_SPEC_ALLOW: without it old kernels turn on store-bypass mitigation, which costs up to a third. */
const specAllow = 4;

export type ProcessFacts = {
  readonly user: ResolvedUser;
  readonly capabilities: bigint;
  readonly hostname: string | undefined;
  readonly arch: 'x64' | 'arm64';
};

/** A process of the container: its first one, or one that `exec` adds, whose request has been merged into `config`. */
export function processOps(config: ContainerConfig, facts: ProcessFacts): Result<SetupOp[], RuntimeFailure> {
  const { user } = facts;
  const caps = grantCapabilities(config, facts.capabilities).mask;
  const groups = Buffer.alloc(4 * user.groups.length);
  for (const [i, gid] of user.groups.entries()) groups.writeUInt32LE(gid, 4 * i);
  const ops = [
    ...shared('umask', () => [op('UMASK', { numbers: [0o022] })]),
    op('CWD', { numbers: [1], strings: [config.workingDir ?? '/'], configPath: 'workingDir' }),
  ];
  if (config.noNewPrivileges) ops.push(op('NO_NEW_PRIVS', { configPath: 'noNewPrivileges' }));
  ops.push(
    op('USER', { numbers: [user.uid, user.gid], strings: [groups], configPath: 'user' }),
    ...capsOps(caps, config.capAdd.length > 0 ? 'capAdd' : 'capDrop'),
  );
  // Docker runs privileged containers without a filter, whatever the profile.
  const profile = config.privileged ? 'unconfined' : config.seccomp;
  const filter = seccompFilter(profile, { caps, arch: facts.arch });
  if (!filter.ok) return filter;
  const { value } = filter;
  if (value !== undefined) {
    const made = () => [op('SECCOMP', { numbers: [specAllow], strings: [value], configPath: 'seccomp' })];
    ops.push(...shared(`seccomp ${facts.arch} ${caps} ${profile}`, made));
  }
  const environment = Object.entries(containerEnvironment(config, facts)).map(([name, value]) => `${name}=${value}`);
  ops.push(
    op('ENV', { strings: [nulTerminated(environment)], configPath: 'environment' }),
    op('EXEC', { strings: [nulTerminated(config.argv)], configPath: 'argv' }),
  );
  return ok(ops);
}

const capsOps = (caps: bigint, configPath: string): readonly SetupOp[] =>
  shared(`caps ${caps} ${configPath}`, () => [op('CAPS', { numbers: [caps, caps, 0, 0], configPath })]);

/** What Docker puts there when the stack file does not: PATH, HOSTNAME, TERM with a terminal, HOME from the user's entry. */
function containerEnvironment(config: ContainerConfig, facts: ProcessFacts): { readonly [name: string]: string } {
  return {
    PATH: defaultPath,
    ...(facts.hostname === undefined ? {} : { HOSTNAME: facts.hostname }),
    ...(config.tty ? { TERM: 'xterm' } : {}),
    HOME: facts.user.home,
    ...notifyEnvironment(config),
    ...config.environment,
  };
}
