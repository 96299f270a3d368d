import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { InternalError } from '../../util/assert.ts';
import { shimPath } from './shim-path.ts';

/** What the kernel answered: `code` is the errno's name ("EADDRINUSE"), `call` the system call's. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, detail?: string) {
    const code = errnoName(errno);
    super(`${call}: ${detail === undefined ? code : `${code} (${detail})`}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** `ENOENT` for 2; `errno 4095` for a number this libc has no name for. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === errno) return name;
  return `errno ${errno}`;
}

/**
 * The system calls Node has no name for. All of them are synchronous and meant for the main thread: they either do not
 * block or are given something that is already there. Integers are checked before they reach C, where 3.7 would quietly
 * become somebody else's descriptor. All but `receive` throw a `KernelError` when the kernel refuses.
 */
export type Native = {
  readonly close: (fd: number) => void;
  /** flock(2); false when somebody else holds the lock and LOCK_NB (4) was asked for. */
  readonly flock: (fd: number, operation: number) => boolean;
  readonly setns: (fd: number, type: number) => void;
  readonly unshare: (flags: number) => void;
  readonly mount: (source: string, target: string, options: MountOptions) => void;
  readonly umount: (target: string, flags: number) => void;
  /** pidfd_open(2); undefined when there is no such process. Check who it is after this, not before. */
  readonly openProcess: (pid: number) => number | undefined;
  /** pidfd_send_signal(2): reaches that very process or nobody. */
  readonly signalProcess: (pidfd: number, signal: number) => void;
  /** lgetxattr(2): the value of an extended attribute of at most 64 bytes; undefined when there is none. */
  readonly attribute: (path: string, name: string) => Buffer | undefined;
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly setSocketOption: (fd: number, level: number, option: SocketOption) => void;
  /** getsockopt(2) of an option of eight bytes; undefined when this kernel has no such option. */
  readonly wideSocketOption: (fd: number, level: number, name: number) => bigint | undefined;
  /** connect(2); `address` is a whole sockaddr. */
  readonly connect: (fd: number, address: Uint8Array) => void;
  readonly send: (fd: number, bytes: Uint8Array) => void;
  /** Bytes received into `into`; 0 when nothing comes within `timeoutMs`. */
  readonly receive: (fd: number, into: Uint8Array, timeoutMs: number) => number;
};

export type MountOptions = { readonly type: string; readonly flags: number; readonly data?: string };
export type SocketOption = { readonly name: number; readonly value: number };

const ESRCH = 3;
const EINTR = 4;
const EAGAIN = 11;
const ENODATA = 61;
const ENOPROTOOPT = 92;
const EOPNOTSUPP = 95;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

let loaded: Promise<Native> | undefined;

export function loadNative(): Promise<Native> {
  loaded ??= bindNative();
  return loaded;
}

type Operand = number | Uint8Array | null;
type CallName = (typeof callNames)[number];
/** What the kernel answers: negative for an errno. */
type Calls = { readonly [name in CallName]: (...operands: Operand[]) => number };

const callNames = [
  'close',
  'flock',
  'setns',
  'unshare',
  'mount',
  'umount2',
  'pidfd_open',
  'pidfd_send_signal',
  'lgetxattr',
  'socket',
  'setsockopt',
  'getsockopt',
  'connect',
  'sendto',
  'recvfrom',
  'ppoll',
] as const;

/** native/node/calls.c, which is loaded in a tenth of the time; undefined where this Node cannot, or in a build without it. */
function ownCalls(): Calls | undefined {
  const module = { exports: {} };
  try {
    process.dlopen(module, join(dirname(shimPath(process.env)), 'tsc-calls.node'));
    return module.exports as Calls;
  } catch {
    return undefined;
  }
}

/** The one door to koffi. */
async function foreignCalls(): Promise<Calls> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load(null);
  const bind = (prototype: string) => {
    const call = libc.func(prototype);
    return (...operands: Operand[]): number => {
      const answer = Number(call(...operands));
      return answer < 0 ? -koffi.errno() : answer;
    };
  };
  const syscall = bind('long syscall(long number, long a, long b, long c, long d)');
  return {
    close: bind('int close(int fd)'),
    flock: bind('int flock(int fd, int operation)'),
    setns: bind('int setns(int fd, int type)'),
    unshare: bind('int unshare(int flags)'),
    mount: bind(
      'int mount(const void *source, const void *target, const void *type, unsigned long flags, const void *data)',
    ),
    umount2: bind('int umount2(const void *target, int flags)'),
    // The same numbers on every architecture: they are newer than the unification.
    pidfd_open: (pid = 0) => syscall(434, pid, 0, 0, 0),
    pidfd_send_signal: (pidfd = 0, signal = 0) => syscall(424, pidfd, signal, 0, 0),
    lgetxattr: bind('long lgetxattr(const void *path, const void *name, void *value, unsigned long size)'),
    socket: bind('int socket(int domain, int type, int protocol)'),
    setsockopt: bind('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
    getsockopt: bind('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    connect: bind('int connect(int fd, const void *address, unsigned int length)'),
    sendto: bind('long send(int fd, const void *bytes, unsigned long length, int flags)'),
    recvfrom: bind('long recv(int fd, void *into, unsigned long length, int flags)'),
    ppoll: bind('int ppoll(void *fds, unsigned long count, const void *timeout, const void *mask)'),
  };
}

/** A string as C wants it. */
const cString = (text: string): Buffer => Buffer.from(`${text}\0`);

async function bindNative(): Promise<Native> {
  const calls = ownCalls() ?? (await foreignCalls());

  const call = (name: CallName, ...operands: Operand[]): number => {
    for (;;) {
      const answer = calls[name](...operands);
      if (answer >= 0) return answer;
      if (answer !== -EINTR) throw new KernelError(name, -answer);
    }
  };

  /** What `attempt` returns; undefined when the kernel refuses with one of `errnos`. */
  const unless = <T>(errnos: readonly number[], attempt: () => T): T | undefined => {
    try {
      return attempt();
    } catch (error) {
      if (error instanceof KernelError && errnos.includes(error.errno)) return undefined;
      throw error;
    }
  };

  const waitReadable = (fd: number, timeoutMs: number): boolean => {
    const pollfd = Buffer.alloc(8);
    pollfd.writeInt32LE(fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(Math.trunc(int(timeoutMs) / 1000)), 0);
    timeout.writeBigInt64LE(BigInt((timeoutMs % 1000) * 1_000_000), 8);
    return call('ppoll', pollfd, 1, timeout, null) > 0;
  };

  return {
    close: (fd) => void call('close', int(fd)),
    flock: (fd, operation) => unless([EAGAIN], () => call('flock', int(fd), int(operation))) !== undefined,
    setns: (fd, type) => void call('setns', int(fd), int(type)),
    unshare: (flags) => void call('unshare', int(flags)),
    mount: (source, target, { type, flags, data }) =>
      void call(
        'mount',
        cString(source),
        cString(target),
        cString(type),
        int(flags),
        data === undefined ? null : cString(data),
      ),
    umount: (target, flags) => void call('umount2', cString(target), int(flags)),
    openProcess: (pid) => unless([ESRCH], () => call('pidfd_open', int(pid), 0)),
    // ESRCH: it has ended meanwhile, which is what most signals are sent for.
    signalProcess: (pidfd, signal) =>
      void unless([ESRCH], () => call('pidfd_send_signal', int(pidfd), int(signal), 0, 0)),
    attribute: (path, name) => {
      const value = Buffer.alloc(64);
      const size = unless([ENODATA, EOPNOTSUPP], () => call('lgetxattr', cString(path), cString(name), value, 64));
      return size === undefined ? undefined : value.subarray(0, size);
    },
    socket: (domain, type, protocol) => call('socket', int(domain), int(type), int(protocol)),
    setSocketOption: (fd, level, { name, value }) => {
      const bytes = Buffer.alloc(4);
      bytes.writeInt32LE(int(value));
      call('setsockopt', int(fd), int(level), int(name), bytes, 4);
    },
    wideSocketOption: (fd, level, name) => {
      const value = Buffer.alloc(8);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(value.length, 0);
      const got = unless([ENOPROTOOPT], () => call('getsockopt', int(fd), int(level), int(name), value, length));
      return got === undefined ? undefined : value.readBigUInt64LE(0);
    },
    connect: (fd, address) => void call('connect', int(fd), address, address.length),
    send: (fd, bytes) => {
      const sent = call('sendto', int(fd), bytes, bytes.length, 0);
      if (sent !== bytes.length) throw new InternalError(`a datagram of ${bytes.length} bytes was cut to ${sent}`);
    },
    receive: (fd, into, timeoutMs) => {
      for (;;) {
        const got = unless([EAGAIN], () => call('recvfrom', int(fd), into, into.length, MSG_DONTWAIT));
        if (got !== undefined) return got;
        if (!waitReadable(int(fd), timeoutMs)) return 0;
      }
    },
  };
}

function int(value: number): number {
  if (Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32) return value;
  throw new InternalError(`${value} is no integer that a system call could take`);
}
