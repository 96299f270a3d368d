import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import type { ProbeCheck } from '../../../model/project.ts';
import type { ContainerName, ProjectName } from '../../../model/units.ts';
import type { ProbeRequest } from '../../runtime.ts';
import { initLives } from '../lives.ts';
import { loadNative } from '../native.ts';
import { inNetns } from '../network/netns.ts';
import type { HostEnvironment } from '../options.ts';
import { containerPaths, hostPaths, projectPaths } from '../paths.ts';
import { readState } from '../state-dir.ts';
import type { Answer } from './answer.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

type Looking = { readonly host: HostEnvironment; readonly signal: AbortSignal };

/** What a server in the container may listen on; it has a loopback of its own, whatever its networks. */
const places = [
  { host: '127.0.0.1', domain: AF_INET },
  { host: '::1', domain: AF_INET6 },
] as const;

export async function probeTcp(
  project: ProjectName,
  { container, check }: ProbeRequest & { readonly check: Extract<ProbeCheck, { kind: 'tcp' }> },
  looking: Looking,
): Promise<Answer> {
  const dialled = await dial({ project, container, port: check.port, ...looking });
  if (typeof dialled === 'string') return { exitCode: 1, output: dialled };
  dialled.destroy();
  return { exitCode: 0, output: '' };
}

type Dialling = Looking & {
  readonly project: ProjectName;
  readonly container: ContainerName;
  readonly port: number;
};

/** A connection to a port of the container, from within its network namespace; or why there is none. */
export async function dial({ project, container, port, host, signal }: Dialling): Promise<Socket | string> {
  const native = await loadNative();
  const state = readState(containerPaths(projectPaths(hostPaths(host), project), container).stateRecord);
  if (!initLives(state)) return `${container} does not run`;
  let why = '';
  for (const place of places) {
    let fd: number;
    const namespace = openSync(`/proc/${state.initPid}/ns/net`, 'r');
    try {
      // The socket belongs to the namespace in which it was made, wherever it is used.
      fd = inNetns(native, namespace, () => native.socket(place.domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    } catch {
      continue; // no IPv6 there
    } finally {
      closeSync(namespace);
    }
    const outcome = await connect(new Socket({ fd, readable: true, writable: true }), {
      ...place,
      port,
      signal,
    });
    if (typeof outcome !== 'string') return outcome;
    why ||= outcome;
  }
  return why;
}

function connect(
  socket: Socket,
  { host, port, signal }: { readonly host: string; readonly port: number; readonly signal: AbortSignal },
): Promise<Socket | string> {
  return new Promise((resolve) => {
    const finish = (outcome: Socket | string): void => {
      signal.removeEventListener('abort', abort);
      socket.removeListener('error', onError);
      if (typeof outcome === 'string') {
        socket.on('error', () => {});
        socket.destroy();
      }
      resolve(outcome);
    };
    const abort = (): void => finish(`port ${port}: no answer in time`);
    const onError = (error: NodeJS.ErrnoException): void =>
      finish(error.code === 'ECONNREFUSED' ? `port ${port}: nobody listens` : `port ${port}: ${error.message}`);
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort);
    socket.once('error', onError);
    socket.connect({ host, port }, () => finish(socket));
  });
}
