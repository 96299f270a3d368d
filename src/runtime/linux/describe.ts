import type { RuntimeFailure } from '../../model/event.ts';
import type { RootfsSource } from '../../model/project.ts';
import type { DesiredContainer } from '../../model/state.ts';
import type { HostPath, ProjectName } from '../../model/units.ts';
import { ok, type Result } from '../../util/result.ts';
import { capabilitiesIn } from './caps.ts';
import type { SetupOp, SetupProgram } from './frame.ts';
import { readHostFacts } from './host-facts.ts';
import type { HostEnvironment } from './options.ts';
import { hostPaths, type Paths, projectPaths } from './paths.ts';
import { resolveUser } from './rootfs/users.ts';
import { planSandbox } from './sandbox.ts';
import { lookUpFacts } from './session/facts.ts';
import { anonymousVolumeName, volumeData } from './volumes.ts';

/** The setup program of a container as text, one op a line, without touching the machine (`plan --setup SERVICE`). */
export async function describeContainer(
  project: ProjectName,
  container: DesiredContainer,
  host: HostEnvironment,
): Promise<Result<string, RuntimeFailure>> {
  const { name, config } = container;
  const paths = hostPaths(host);
  const lowers = plannedLowers(config.rootfs, paths);
  // Only a directory can be looked into without building anything; elsewhere names are resolved when it is made.
  const known = config.rootfs.kind === 'directory';
  const user = known
    ? resolveUser(lowers, config.user, config.groupAdd)
    : ok({ uid: 0, gid: 0, groups: [0], home: '/root' });
  if (!user.ok) return user;
  const volumes = config.mounts.flatMap((mount, i): [number, string][] => {
    if (mount.kind !== 'volume') return [];
    const directory = volumeData(paths.volumes, mount.volume ?? anonymousVolumeName(project, name, mount.target));
    return [[i, mount.subpath === undefined ? directory : `${directory}/${mount.subpath}`]];
  });
  const surroundings = { project, at: projectPaths(paths, project), host: readHostFacts() };
  const facts = lookUpFacts({ name, config, lowers, user: user.value, volumes }, surroundings);
  if (!facts.ok) return facts;
  const sandbox = planSandbox(config, facts.value);
  if (!sandbox.ok) return sandbox;
  const warnings = sandbox.value.warnings.map(({ text }) => `# ${text}\n`).join('');
  const note =
    known || config.user === undefined ? '' : `# user ${config.user} is looked up when the rootfs is there\n`;
  return ok(`${warnings}${note}${filesNote}${describeProgram(sandbox.value.program)}`);
}

const filesNote = '# its record, and what is bound over hostname, hosts and resolv.conf, are written first of all\n';

function plannedLowers(rootfs: RootfsSource, { store }: Paths): HostPath[] {
  if (rootfs.kind === 'directory') return [rootfs.path];
  return [
    `${store}/trees/<made from ${rootfs.kind === 'tarball' ? rootfs.path : rootfs.programs.join(' ')}>` as HostPath,
  ];
}

/** One op a line under the phase it belongs to, with the field of the stack file that asked for it. */
export function describeProgram(program: SetupProgram): string {
  const lines: string[] = [];
  for (const { phase, ops } of program) {
    lines.push(`${phase.toLowerCase()}:`);
    for (const op of ops) {
      const words = [`  ${op.kind.toLowerCase().replaceAll('_', '-')}`, ...describeOperands(op)];
      lines.push(op.configPath === undefined ? words.join(' ') : `${words.join(' ')}  # ${op.configPath}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const octal = (mode: number | bigint | undefined): string => `0${Number(mode ?? 0).toString(8)}`;
const hex = (flags: number | bigint | undefined): string => `0x${BigInt(flags ?? 0).toString(16)}`;

function describeOperands(op: SetupOp): string[] {
  const { numbers, strings } = op;
  const n = (index: number): string => String(numbers[index] ?? 0);
  switch (op.kind) {
    case 'MKDIR':
      return [...texts(strings), octal(numbers[0])];
    case 'MKDIR_IN':
      return [...texts(strings), octal(numbers[0]), `${n(1)}:${n(2)}`];
    case 'MKNOD':
      return [...texts(strings), octal(numbers[0]), `${n(1)}:${n(2)}`, `${n(3)}:${n(4)}`];
    case 'NAMESPACES':
      return [hex(numbers[0])];
    case 'MOUNT':
      return [...texts(strings), hex(numbers[0])];
    case 'BIND':
      return [...texts(strings), hex(numbers[0]), hex(numbers[1])];
    case 'USER':
      return [`${n(0)}:${n(1)}`, `groups=${gidsIn(strings[0]).join(',')}`];
    case 'CAPS':
      return capabilitiesIn(BigInt(numbers[0] ?? 0)).map((name) => name.toLowerCase());
    case 'DEVICE_BPF':
    case 'SECCOMP':
      return [`${Math.floor((strings[0]?.length ?? 0) / 8)} instructions`];
    case 'NETLINK':
      return [...texts(strings.slice(0, 1)), `${strings[1]?.length ?? 0} bytes`];
    case 'RLIMIT':
      return numbers.map((value) => (BigInt(value) === 2n ** 64n - 1n ? 'unlimited' : String(value)));
    case 'UMASK':
      return [octal(numbers[0])];
    default:
      return [...numbers.map(String), ...texts(strings)];
  }
}

/** NUL-terminated lists become words; whatever could be mistaken for something else is quoted. */
function texts(strings: SetupOp['strings']): string[] {
  return strings.flatMap((string) => {
    const text = typeof string === 'string' ? string : Buffer.from(string).toString();
    const words = text.endsWith('\0') ? text.slice(0, -1).split('\0') : [text];
    return words.map((word) => (/^[\w@%+=:,./<>-]+$/.test(word) ? word : JSON.stringify(word)));
  });
}

function gidsIn(bytes: string | Uint8Array | undefined): number[] {
  const buffer = Buffer.from(bytes ?? '');
  return Array.from({ length: buffer.length / 4 }, (_, i) => buffer.readUInt32LE(4 * i));
}
