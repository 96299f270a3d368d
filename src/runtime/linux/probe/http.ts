import type { IncomingMessage } from 'node:http';
import type { ProbeCheck } from '../../../model/project.ts';
import type { ProjectName } from '../../../model/units.ts';
import type { ProbeRequest } from '../../runtime.ts';
import type { HostEnvironment } from '../options.ts';
import type { Answer } from './answer.ts';
import { dial } from './dial.ts';

const bodyKept = 4096;

type HttpCheck = Extract<ProbeCheck, { kind: 'http' }>;

/** One request on a connection of its own; redirects are answers and not followed, certificates are not checked. */
export async function probeHttp(
  project: ProjectName,
  { container, check }: ProbeRequest & { readonly check: HttpCheck },
  { host, signal }: { readonly host: HostEnvironment; readonly signal: AbortSignal },
): Promise<Answer> {
  const dialled = await dial({ project, container, port: check.port, host, signal });
  if (typeof dialled === 'string') return { exitCode: 1, output: dialled };
  const { request } = await import('node:http');
  const socket =
    check.scheme === 'https'
      ? (await import('node:tls')).connect({ socket: dialled, rejectUnauthorized: false })
      : dialled;
  try {
    const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('no answer in time')), { once: true });
      socket.once('error', reject);
      const headers = { host: `localhost:${check.port}`, connection: 'close', 'user-agent': 'tscompose-probe' };
      const sent = request({ createConnection: () => socket, path: check.path, headers }, (response) => {
        readBody(response).then((text) => resolve({ status: response.statusCode ?? 0, body: text }), reject);
      });
      sent.once('error', reject);
      sent.end();
    });
    const isGood = check.status === undefined ? status >= 200 && status < 400 : status === check.status;
    return { exitCode: isGood ? 0 : 1, output: `${check.path} answered ${status}\n${isGood ? '' : body}` };
  } catch (error) {
    return { exitCode: 1, output: `${check.path}: ${(error as Error).message}` };
  } finally {
    dialled.on('error', () => {});
    socket.on('error', () => {});
    socket.destroy();
    dialled.destroy();
  }
}

/** As much of it as is worth keeping; a body without end is no reason to go on listening. */
async function readBody(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) {
    text += (chunk as Buffer).toString('latin1');
    if (text.length >= bodyKept) break;
  }
  return text.slice(0, bodyKept);
}
