import { InternalError } from '../../util/assert.ts';
import { addonPath } from './shim-path.ts';

/** What Node lacks, as native/node/addon.c has it. Everything answers with a negative errno when the kernel refuses. */
export type Addon = {
  /** memfd_create(2): a descriptor with these bytes that survives exec. */
  readonly memory: (bytes: Uint8Array) => number;
  /** execve(2) with NUL-terminated words; the environment is this process's. */
  readonly become: (words: Uint8Array) => number;
} & { readonly [call in SystemCall]: (...values: readonly (number | Uint8Array)[]) => number };

/** By the kernel's name, with the kernel's arguments: not always those of libc. */
export type SystemCall =
  | 'close'
  | 'connect'
  | 'flock'
  | 'getsockopt'
  | 'lgetxattr'
  | 'mount'
  | 'pidfd_open'
  | 'pidfd_send_signal'
  | 'ppoll'
  | 'recvfrom'
  | 'sendto'
  | 'setns'
  | 'setsockopt'
  | 'socket'
  | 'umount2'
  | 'unshare';

/** The one that belongs to this build, or the one that lies at `path`. Throws where Node cannot load it. */
export function loadAddon(path = addonPath()): Addon {
  const module: { exports: Partial<Addon> } = { exports: {} };
  process.dlopen(module, path);
  if (module.exports.become === undefined) throw new InternalError(`${path} is not what it should be`);
  return module.exports as Addon;
}
