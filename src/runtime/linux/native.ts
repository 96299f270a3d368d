import { constants } from 'node:os';
import { InternalError } from '../../util/assert.ts';
import { type Addon, loadAddon, type SystemCall } from './addon.ts';

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

let loaded: Native | undefined;

/** Synchronous and cheap (a fifth of a millisecond). */
export function loadNative(): Native {
  loaded ??= bindNative(loadAddon());
  return loaded;
}

function bindNative(addon: Addon): Native {
  const call = (name: SystemCall, ...values: readonly (number | Uint8Array)[]): number => {
    for (;;) {
      const result = addon[name](...values);
      if (result >= 0) return result;
      if (result !== -EINTR) throw new KernelError(name, -result);
    }
  };

  const waitReadable = (fd: number, timeoutMs: number): boolean => {
    const pollfd = Buffer.alloc(8);
    pollfd.writeInt32LE(fd, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    const time = Buffer.alloc(16);
    time.writeBigInt64LE(BigInt(Math.floor(timeoutMs / 1000)), 0);
    time.writeBigInt64LE(BigInt((int(timeoutMs) % 1000) * 1_000_000), 8);
    return call('ppoll', pollfd, 1, time, 0, 0) > 0;
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
      void call('mount', text(source), text(target), text(type), int(flags), data === undefined ? 0 : text(data)),
    umount: (target, flags) => void call('umount2', text(target), int(flags)),
    openProcess: (pid) => {
      try {
        return call('pidfd_open', int(pid), 0);
      } catch (error) {
        if (error instanceof KernelError && error.errno === ESRCH) return undefined;
        throw error;
      }
    },
    signalProcess: (pidfd, signal) => {
      try {
        call('pidfd_send_signal', int(pidfd), int(signal), 0, 0);
      } catch (error) {
        // It has ended meanwhile, which is what most signals are sent for.
        if (!(error instanceof KernelError) || error.errno !== ESRCH) throw error;
      }
    },
    attribute: (path, name) => {
      const value = Buffer.alloc(64);
      try {
        return value.subarray(0, call('lgetxattr', text(path), text(name), value, value.length));
      } catch (error) {
        if (error instanceof KernelError && (error.errno === ENODATA || error.errno === EOPNOTSUPP)) return undefined;
        throw error;
      }
    },
    socket: (domain, type, protocol) => call('socket', int(domain), int(type), int(protocol)),
    setSocketOption: (fd, level, { name, value }) => {
      const four = Buffer.alloc(4);
      four.writeInt32LE(int(value));
      call('setsockopt', int(fd), int(level), int(name), four, 4);
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
    connect: (fd, address) => void call('connect', int(fd), address, address.length),
    send: (fd, datagram) => {
      const sent = call('sendto', int(fd), datagram, datagram.length, 0, 0, 0);
      if (sent !== datagram.length)
        throw new InternalError(`a datagram of ${datagram.length} bytes was cut to ${sent}`);
    },
    receive: (fd, into, timeoutMs) => {
      for (;;) {
        try {
          return call('recvfrom', int(fd), into, into.length, MSG_DONTWAIT, 0, 0);
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

/** As C has it: up to its first NUL, which ours must therefore not have inside. */
function text(value: string): Buffer {
  if (value.includes('\0')) throw new InternalError('a text for a system call has a NUL in it');
  return Buffer.from(`${value}\0`);
}
