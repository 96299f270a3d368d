import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { type SetupOp, shared } from '../frame.ts';
import type { ContainerFacts } from './facts.ts';
import { op } from './op.ts';

/** What the kernel keeps per IPC namespace. Everything else outside of net. would change the whole host. */
const ipcKeys = new Set([
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
]);

/** As in Docker: nobody needs a capability to listen on port 80 or to ping inside a network of its own. */
const networkDefaults: { readonly [key: string]: string } = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

export function sysctlOps(config: ContainerConfig, facts: ContainerFacts): Result<SetupOp[], RuntimeFailure> {
  const hostNetwork = config.networkMode.kind === 'host';
  const ownNetwork = !hostNetwork && facts.netns === undefined;
  const ops: SetupOp[] = [];
  const defaults = ownNetwork ? networkDefaults : {};
  for (const [key, value] of Object.entries(defaults)) {
    if (config.sysctls[key] === undefined) ops.push(...shared(`sysctl ${key}`, () => [defaultOp(key, value)]));
  }
  for (const [key, value] of Object.entries(config.sysctls)) {
    const path = sysctlPath(key);
    const name = path.replaceAll('/', '.');
    const configPath = `sysctls.${key}`;
    const refused = refusal(name, hostNetwork);
    if (refused !== undefined || path.split('/').some((part) => part === '' || part === '..')) {
      const message = `cannot set the sysctl ${key}: ${refused ?? 'it is no name of one'}`;
      const notes = ['net.*, fs.mqueue.* and the SysV IPC keys of kernel.* belong to a container; others to the host'];
      return err({ code: 'setup-failed', message, configPath, notes });
    }
    ops.push(op('SYSCTL', { strings: [path, value], configPath }));
  }
  return ok(ops);
}

const defaultOp = (key: string, value: string): SetupOp => op('SYSCTL', { strings: [key.replaceAll('.', '/'), value] });

function refusal(name: string, hostNetwork: boolean): string | undefined {
  if (name.startsWith('net.')) return hostNetwork ? "the container shares the host's network" : undefined;
  if (name.startsWith('fs.mqueue.') || ipcKeys.has(name)) return undefined;
  return 'the kernel has only one for the whole host';
}

/** sysctl(8): if the first separator is a dot, dots and slashes change places (`net.ipv4.conf.eth0/1.forwarding`). */
function sysctlPath(key: string): string {
  const first = /[./]/.exec(key)?.[0];
  if (first !== '.') return key;
  return key.replaceAll(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
}
