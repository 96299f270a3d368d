import { constants } from 'node:os';
import type { RuntimeFailure } from '../../model/event.ts';
import type { SetupOp } from './frame.ts';
import { rlimitName, ulimitText } from './rlimits.ts';

/** `ENOENT` for 2; `errno 4095` for a number without a name. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `errno ${errno}`;
}

const sentences: { readonly [name: string]: string } = {
  EPERM: 'the kernel does not permit it',
  ENOENT: 'no such file or directory',
  ESRCH: 'no such process',
  EIO: 'the device reports an input/output error',
  ENXIO: 'no such device',
  E2BIG: 'arguments and environment are larger than the kernel accepts',
  ENOEXEC: 'not in a format the kernel can run',
  EAGAIN: 'no resources left for now',
  ENOMEM: 'out of memory',
  EACCES: 'permission denied',
  EBUSY: 'it is in use',
  EEXIST: 'it exists already',
  ENODEV: 'this kernel does not have it',
  ENOTDIR: 'not a directory',
  EISDIR: 'it is a directory',
  EINVAL: 'the kernel does not accept the value',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  EFBIG: 'too large',
  ENOSPC: 'no space left on the device',
  EROFS: 'the file system is read-only',
  ERANGE: 'out of range',
  ENAMETOOLONG: 'the name is too long',
  ENOSYS: 'this kernel does not have the system call',
  ELOOP: 'too many symbolic links, or one where none may be',
  EXDEV: 'it leads out of the root of the container',
  EOVERFLOW: 'the value is too large',
  ETXTBSY: 'the file is being written to',
  ELIBBAD: 'the interpreter is damaged',
};

/** What an errno means, in words. */
export const errnoSentence = (errno: number): string => {
  const name = errnoName(errno);
  return sentences[name] ?? name;
};

export type OpFailure = {
  readonly op: SetupOp;
  readonly errno: number;
  /** The path or name the shim was busy with; may be empty. */
  readonly text: string;
};

const first = (op: SetupOp): string => String(op.strings[0] ?? '').split('\0')[0] ?? '';

/** "do what with what", for each op that can be refused. */
function deed({ op, text }: OpFailure): string {
  const s = (index: number): string => String(op.strings[index] ?? '');
  switch (op.kind) {
    case 'MOUNT':
      return `mount ${s(0)} on ${s(2)}`;
    case 'BIND':
      return `bind ${s(0)} on ${s(1)}`;
    case 'ROOT_OVERLAY':
      return `mount the root file system from ${first(op)}`;
    case 'MKDIR':
    case 'MKDIR_IN':
      return `make the directory ${s(0)}`;
    case 'WRITE':
      return `write "${s(1)}" to ${s(0)}`;
    case 'MKNOD':
      return `make the device ${s(0)}`;
    case 'SYMLINK':
      return `make the link ${s(1)}`;
    case 'SYSCTL':
      return `set the sysctl ${s(0).replaceAll('/', '.')} to "${s(1)}"`;
    case 'HOSTNAME':
      return `set the host name "${s(0)}"`;
    case 'DOMAINNAME':
      return `set the domain name "${s(0)}"`;
    case 'ATTACH':
      return `put the container into the cgroup of ${s(0)}`;
    case 'CGROUP2':
      return `use the cgroup ${s(0)}`;
    case 'RLIMIT':
      return `set the ulimit ${rlimitName(op.numbers[0])} to ${ulimitText(op.numbers[2])}`;
    case 'OOM_SCORE':
      return `set oom_score_adj to ${Number(op.numbers[0]) - 1000}`;
    case 'TIMENS':
      return 'make a time namespace with these clock offsets';
    case 'NAMESPACES':
      return 'make the namespaces of the container';
    case 'NETNS':
      return s(0) === '' ? 'make a network namespace' : `join the network namespace ${s(0)}`;
    case 'NET_SYSCTLS':
      return 'prepare its network';
    case 'NETLINK':
      return 'connect it to its networks';
    case 'DEVICE_BPF':
      return 'load the device filter';
    case 'SECCOMP':
      return 'load the system call filter';
    case 'CAPS':
      return 'set the capabilities';
    case 'USER':
      return `become user ${op.numbers[0]}:${op.numbers[1]}`;
    case 'CWD':
      return `use ${s(0)} as the working directory`;
    case 'EXEC':
      return `run ${first(op)}`;
    case 'MASK':
    case 'READONLY':
      return `protect ${s(0)}`;
    case 'LOG':
      return `write the log in ${s(0)}`;
    case 'STATE_DIR':
      return `use the state directory ${s(0)}`;
    case 'JOIN':
      return 'join the container';
    default:
      return `perform ${op.kind.toLowerCase().replaceAll('_', ' ')}${text === '' ? '' : ` (${text})`}`;
  }
}

/** Why a container cannot be entered, by the name of the errno. */
const notEntered: { readonly [name: string]: string } = {
  ESRCH: 'it has ended',
  EBUSY: 'it is paused',
  EAGAIN: 'it is still being set up',
};

const reason = ({ op, errno }: OpFailure): string =>
  (op.kind === 'JOIN' ? notEntered[errnoName(errno)] : undefined) ?? errnoSentence(errno);

/** A refused op as what the user is told, with a remedy where one is known. */
export function opFailure(failure: OpFailure): RuntimeFailure {
  const { op, errno, text } = failure;
  if (op.kind === 'EXEC') return execFailure(failure);
  if (text === forkText) return forkFailure(op, errno);
  const about = text !== '' && !deed(failure).includes(text) ? ` (${text})` : '';
  const base = {
    code: 'setup-failed',
    message: `cannot ${deed(failure)}: ${reason(failure)}${about}`,
    notes: [...remedies(failure), `op ${op.kind}, ${errnoName(errno)}`],
  } as const;
  return op.configPath === undefined ? base : { ...base, configPath: op.configPath };
}

/** What the shim was busy with when it was the process for the command itself that could not be had. */
export const forkText = 'fork';

export const whyNoProcess = (errno: number): string =>
  `cannot start a process for the command: ${errnoSentence(errno)}`;

function forkFailure(op: SetupOp, errno: number): RuntimeFailure {
  const name = errnoName(errno);
  // Who comes in from outside was made outside; the container's own limit refuses nobody who enters.
  const limit =
    op.kind === 'JOIN'
      ? "pids.max of the caller's cgroup, or kernel.pid_max or kernel.threads-max of the machine,"
      : 'pids_limit, or a limit around all containers,';
  const remedy = `${limit} is reached; raise it, or end something`;
  return {
    code: 'setup-failed',
    message: whyNoProcess(errno),
    notes: [...(name === 'EAGAIN' ? [remedy] : []), `fork, ${name}`],
  };
}

function execFailure({ op, errno, text }: OpFailure): RuntimeFailure {
  const configPath = op.configPath ?? 'argv';
  return { configPath, ...whyNotRun(first(op), errno, text) };
}

/** Why a program could not be exec'ed; `text` is what the shim said about it. */
export function whyNotRun(program: string, errno: number, text: string): Omit<RuntimeFailure, 'configPath'> {
  const name = errnoName(errno);
  // The kernel says ENOENT for a program that is there when its interpreter is not; the shim has looked which one that is.
  const interpreter = / \(interpreter (.+)\)$/.exec(text)?.[1];
  if (name === 'ENOENT' && interpreter !== undefined) {
    return {
      code: 'command-not-executable',
      message: `cannot run ${program}: its interpreter ${interpreter} is not in the root of the container`,
      notes: ['add it to rootfs, or use a program that is statically linked'],
    };
  }
  if (name === 'ENOENT' || name === 'ENOTDIR') {
    const where = program.includes('/') ? 'in the root of the container' : 'in any directory of PATH in the container';
    return {
      code: 'command-not-found',
      message: `cannot run ${program}: there is no such file ${where}`,
      notes: ['add it to rootfs, or correct the command'],
    };
  }
  const notes: string[] = [];
  if (name === 'EACCES') notes.push('make it executable (chmod +x), and check that its mount is not noexec');
  if (name === 'ENOEXEC') notes.push('a script needs a first line like #!/bin/sh; a program must be for this machine');
  const message = `cannot run ${program}: ${errnoSentence(errno)}`;
  return { code: 'command-not-executable', message, notes: [...notes, name] };
}

function remedies({ op, errno }: OpFailure): string[] {
  const name = errnoName(errno);
  if (op.kind === 'BIND' && name === 'ENOENT')
    return [`make ${String(op.strings[0])} on the host, or use a named volume`];
  if (op.kind === 'MOUNT' && name === 'ENODEV') return [`load the kernel module for ${String(op.strings[0])}`];
  if (op.kind === 'WRITE' && String(op.strings[0]).includes('/cgroup/')) return cgroupRemedies(op, name);
  if (op.kind === 'SYSCTL' && name === 'ENOENT') return ['this kernel has no such setting; remove it'];
  if (op.kind === 'ROOT_OVERLAY' && name === 'EINVAL') {
    return [
      'the file system of /var/lib/tscompose cannot carry overlays; set TSCOMPOSE_ROOT to one that can',
      'or its writable layer is broken, which the kernel log tells; make it anew with: tscompose up --force-recreate',
    ];
  }
  if (op.kind === 'JOIN' && (name === 'EACCES' || name === 'EPERM')) {
    return [
      'joining a container takes CAP_SYS_PTRACE and CAP_SYS_ADMIN; whoever started this shell has given one away',
    ];
  }
  if (op.kind === 'JOIN' && name === 'EAGAIN') return ['do the same again once tscompose ps says that it runs'];
  if (name === 'ENOSPC') return ['free some space'];
  return [];
}

function cgroupRemedies(op: SetupOp, name: string): string[] {
  if (name === 'EINVAL' && /cpu/.test(String(op.strings[0]))) return ['more than a parent cgroup or this machine has'];
  if (name === 'EBUSY') return ['more is in use already than the limit allows'];
  return [];
}
