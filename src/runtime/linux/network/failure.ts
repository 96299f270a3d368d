import type { RuntimeFailure } from '../../../model/event.ts';
import type { KernelError } from '../native.ts';

export function failureOf(error: KernelError): RuntimeFailure {
  const needsRight = error.code === 'EPERM' || error.code === 'EACCES';
  return {
    code: 'setup-failed',
    message: `cannot ${error.message}`,
    configPath: 'networks',
    notes: needsRight ? ['networks need root, or CAP_NET_ADMIN and CAP_SYS_ADMIN'] : [],
  };
}

/** A network that other projects have joined stays. */
export const inUse = (network: string, projects: readonly string[]): RuntimeFailure => ({
  code: 'setup-failed',
  message: `cannot remove the network ${network}: ${projects.join(', ')} ${projects.length === 1 ? 'is' : 'are'} on it`,
  notes: projects.map((project) => `first: tscompose -p ${project} down`),
});
