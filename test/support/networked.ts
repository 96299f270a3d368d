import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { loadNative } from '../../src/runtime/linux/native.ts';
import { askNetStatus } from '../../src/runtime/linux/network/net-process.ts';
import { eventually } from './eventually.ts';
import { kill } from './leaks.ts';
import { shell } from './private-host.ts';
import type { Rig, ServiceText } from './scenario.ts';

const tools = {
  rootfs: { host: ['sh', 'sleep', 'socat', 'curl', 'dig', 'ip', 'ping', 'cat', 'getent', 'head', 'wc'] },
};

/** A service with the tools of a network's user in it, which ends at once. */
export const quick: ServiceText = { ...tools, stop_grace_period: '0s', init: true };

/** A service that answers every connection on a port with what a shell command prints. */
export const answering = (port: number, command: string, more: ServiceText = {}): ServiceText => ({
  ...quick,
  command: ['socat', `TCP-LISTEN:${port},fork,reuseaddr`, `SYSTEM:${command}`],
  ...more,
});

/** A service that does nothing, for commands to be run in. */
export const idle = (more: ServiceText = {}): ServiceText => ({ ...quick, command: ['sleep', '1000'], ...more });

/** What a shell command writes inside a container, errors included. */
export async function inside(rig: Rig, service: string, command: string): Promise<string> {
  const run = await rig.cli(['exec', '-T', service, 'sh', '-c', command]);
  return run.stdout + run.stderr;
}

/** What a TCP server, `ADDRESS:PORT`, says to the host before it closes. */
export const ask = (address: string): string => shell(`socat -T2 - TCP:${address}`);

/** The two processes that serve the ports and names of a project. */
export function netProcesses(project: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const ours = readFileSync(`/proc/${entry}/comm`, 'utf8') === 'tsc-net\n';
      return ours && readlinkSync(`/proc/${entry}/cwd`).includes(`${project}.network`) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}

/** The one of them that serves, once it says so. */
export const netWorkerOf = ({ project }: Rig): Promise<number> =>
  eventually(async () => {
    const status = await askNetStatus(`/run/tscompose/${project}.network`);
    if (status === undefined) throw new Error('the net process does not answer');
    return status.workerPid;
  });

/** Takes the router of a project away, as nothing of ours would, under living containers. */
export async function loseRouter({ project }: Rig): Promise<void> {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) for (const pid of netProcesses(project)) kill(pid, signal);
  (await loadNative()).umount(`/run/tscompose/${project}.network/router`, 2);
}
