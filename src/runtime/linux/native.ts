import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { InternalError } from '../../util/assert.ts';

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
  /** bind(2); `address` is a whole sockaddr. */
  readonly bind: (fd: number, address: Uint8Array) => void;
  /** connect(2); `address` is a whole sockaddr. */
  readonly connect: (fd: number, address: Uint8Array) => void;
  readonly send: (fd: number, bytes: Uint8Array) => void;
  /** Bytes received into `into`; 0 when nothing comes within `timeoutMs`. */
  readonly receive: (fd: number, into: Uint8Array, timeoutMs: number) => number;
};

export type MountOptions = { readonly type: string; readonly flags: number; readonly data?: string };
export type SocketOption = { readonly name: number; readonly value: number };

/** The same numbers on every architecture (they are newer than the unification). */
const SYS_pidfd_send_signal = 424;
const SYS_pidfd_open = 434;
const ESRCH = 3;
const EINTR = 4;
const EAGAIN = 11;
const ENODATA = 61;
const ENOPROTOOPT = 92;
const EOPNOTSUPP = 95;
const MSG_DONTWAIT = 0x40;
const POLLIN = 1;

let loaded: Promise<Native> | undefined;

/** The one door to koffi; loading it costs 2 ms, so only commands that change the machine come here. */
export function loadNative(): Promise<Native> {
  loaded ??= bindNative();
  return loaded;
}

type Koffi = typeof import('koffi')['default'];

/**
 * koffi is its addon; the JavaScript around it looks for that in all the places where it may be, which takes 7 of 9 ms. Here
 * it is asked for where npm puts it for a Node on glibc; where that fails (musl, pnpm) koffi finds it by itself.
 */
async function loadKoffi(): Promise<Koffi> {
  const platform = `linux-${process.arch}`;
  try {
    return createRequire(import.meta.url)(
      `@koromix/koffi-${platform}/${platform.replace('-', '_')}/koffi.node`,
    ) as Koffi;
  } catch {
    return (await import('koffi')).default;
  }
}

async function bindNative(): Promise<Native> {
  const koffi = await loadKoffi();
  const libc = koffi.load(null);
  const bind = (prototype: string) => libc.func(prototype);
  const c = {
    close: bind('int close(int fd)'),
    flock: bind('int flock(int fd, int operation)'),
    setns: bind('int setns(int fd, int type)'),
    unshare: bind('int unshare(int flags)'),
    mount: bind(
      'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
    ),
    umount2: bind('int umount2(const char *target, int flags)'),
    syscall: bind('long syscall(long number, long a, long b, long c, long d)'),
    lgetxattr: bind('long lgetxattr(const char *path, const char *name, void *value, unsigned long size)'),
    socket: bind('int socket(int domain, int type, int protocol)'),
    setsockopt: bind('int setsockopt(int fd, int level, int name, const void *value, unsigned int length)'),
    getsockopt: bind('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    bind: bind('int bind(int fd, const void *address, unsigned int length)'),
    connect: bind('int connect(int fd, const void *address, unsigned int length)'),
    send: bind('long send(int fd, const void *bytes, unsigned long length, int flags)'),
    recv: bind('long recv(int fd, void *into, unsigned long length, int flags)'),
    poll: bind('int poll(void *fds, unsigned long count, int timeout)'),
  };

  const call = (name: keyof typeof c, ...values: unknown[]): number => {
    for (;;) {
      const result = Number(c[name](...values));
      if (result >= 0) return result;
      const errno = koffi.errno();
      if (errno !== EINTR) throw new KernelError(name, errno);
    }
  };

  const waitReadable = (fd: number, timeoutMs: number): boolean => {
    const pollfd = Buffer.alloc(8);
    pollfd.writeInt32LE(fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    return call('poll', pollfd, 1, int(timeoutMs)) > 0;
  };

  return {
    close: (fd) => void call('close', int(fd)),
    flock: (fd, operation) => {
      try {
        call('flock', int(fd), int(operation));
        return true;
      } catch (error) {
        if (error instanceof KernelError && error.errno === EAGAIN) return false;
        throw error;
      }
    },
    setns: (fd, type) => void call('setns', int(fd), int(type)),
    unshare: (flags) => void call('unshare', int(flags)),
    mount: (source, target, { type, flags, data }) =>
      void call('mount', source, target, type, int(flags), data === undefined ? null : `${data}`),
    umount: (target, flags) => void call('umount2', target, int(flags)),
    openProcess: (pid) => {
      try {
        return call('syscall', SYS_pidfd_open, int(pid), 0, 0, 0);
      } catch (error) {
        if (error instanceof KernelError && error.errno === ESRCH) return undefined;
        throw error;
      }
    },
    signalProcess: (pidfd, signal) => {
      try {
        call('syscall', SYS_pidfd_send_signal, int(pidfd), int(signal), 0, 0);
      } catch (error) {
        // It has ended meanwhile, which is what most signals are sent for.
        if (!(error instanceof KernelError) || error.errno !== ESRCH) throw error;
      }
    },
    attribute: (path, name) => {
      const value = Buffer.alloc(64);
      try {
        return value.subarray(0, call('lgetxattr', path, name, value, value.length));
      } catch (error) {
        if (error instanceof KernelError && (error.errno === ENODATA || error.errno === EOPNOTSUPP)) return undefined;
        throw error;
      }
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
      try {
        call('getsockopt', int(fd), int(level), int(name), value, length);
        return value.readBigUInt64LE(0);
      } catch (error) {
        if (error instanceof KernelError && error.errno === ENOPROTOOPT) return undefined;
        throw error;
      }
    },
    bind: (fd, address) => void call('bind', int(fd), address, address.length),
    connect: (fd, address) => void call('connect', int(fd), address, address.length),
    send: (fd, bytes) => {
      const sent = call('send', int(fd), bytes, bytes.length, 0);
      if (sent !== bytes.length) throw new InternalError(`a datagram of ${bytes.length} bytes was cut to ${sent}`);
    },
    receive: (fd, into, timeoutMs) => {
      for (;;) {
        try {
          return call('recv', int(fd), into, into.length, MSG_DONTWAIT);
        } catch (error) {
          if (!(error instanceof KernelError) || error.errno !== EAGAIN) throw error;
          if (!waitReadable(int(fd), timeoutMs)) return 0;
        }
      }
    },
  };
}

function int(value: number): number {
  if (Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32) return value;
  throw new InternalError(`${value} is no integer that a system call could take`);
}
