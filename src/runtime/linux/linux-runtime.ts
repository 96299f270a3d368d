import type { Runtime, Urgent, Watching } from '../runtime.ts';
import type { LinuxRuntimeOptions } from './options.ts';
import { LinuxRuntime } from './runtime-impl.ts';

export type { LinuxRuntimeOptions } from './options.ts';

/** The Linux kernel as a `Runtime`. Needs root for everything but `observe`. */
export function createLinuxRuntime(options: LinuxRuntimeOptions = {}): Runtime & Watching & Urgent {
  return new LinuxRuntime(options);
}
