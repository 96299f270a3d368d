import { fingerprintVersion } from '../project/fingerprint.ts';
import { createLinuxRuntime } from '../runtime/linux/linux-runtime.ts';
import type { Context } from './context.ts';

/** The machine as this command sees it. */
export const openRuntime = ({ environment }: Context) => createLinuxRuntime({ environment, fingerprintVersion });
