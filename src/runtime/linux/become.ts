import { dirname, join } from 'node:path';
import type { HostEnvironment } from './options.ts';
import { shimPath } from './shim-path.ts';

/** native/node/become.c, the door to it. Both answer with a negative errno when the kernel refuses. */
type Addon = {
  /** memfd_create(2): a descriptor with these bytes that survives exec. */
  readonly memory: (bytes: Uint8Array) => number;
  /** execve(2) with NUL-terminated words; the environment is this process's. */
  readonly become: (words: Uint8Array) => number;
};

/** Set for whoever explains why the shim could not do it: they must stay to hear it. */
const marker = 'TSCOMPOSE_EXPLAIN';

export const mustStay = (environment: HostEnvironment): boolean => environment[marker] !== undefined;

/**
 * This process ends and the shim takes its place, with our standard streams and our environment: nothing of Node is left to
 * wait for the command that it runs. What the shim cannot do is explained by `explainer`, a command line that takes its
 * place in turn. Returns only when that is not possible here.
 */
export function becomeShim(frame: Uint8Array, explainer: readonly string[], host: HostEnvironment): void {
  const shim = shimPath(host);
  const addon = load(join(dirname(shim), 'tsc-become.node'));
  const fd = addon?.memory(frame) ?? -1;
  if (addon === undefined || fd < 0) return;
  // Whoever waits for the end of this process gets what is theirs: it will not come.
  process.emit('exit', 0);
  process.env[marker] = '1';
  addon.become(Buffer.from([shim, 'exec', String(fd), ...explainer].map((word) => `${word}\0`).join('')));
}

/** undefined: a Node that cannot load it, or a build without it. Everything then goes the longer way. */
function load(path: string): Addon | undefined {
  const module = { exports: {} };
  try {
    process.dlopen(module, path);
    return module.exports as Addon;
  } catch {
    return undefined;
  }
}
