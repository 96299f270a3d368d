import { readFileSync } from 'node:fs';
import { type HostResolver, parseResolvConf } from './names.ts';

/** The host's resolver as it is now. */
export function hostResolver(): HostResolver {
  try {
    return parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8'));
  } catch {
    return parseResolvConf('');
  }
}
