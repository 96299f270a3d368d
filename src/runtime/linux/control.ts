import { closeSync, constants, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import type { RuntimeFailure } from '../../model/event.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { type controlOp, offset, size } from './protocol.ts';
import { decodeState, encodeRequest, type ShimState } from './records.ts';

export type Reply = {
  /** errno of the request itself; 0 is none. */
  readonly error: number;
  readonly state: ShimState;
};

export type Request = {
  readonly op: keyof typeof controlOp;
  readonly a?: number;
  readonly b?: number;
  readonly flags?: number;
};

/** sun_path of sockaddr_un, with its NUL. */
const longestSocketPath = 107;

/** Sends one request to a container's monitor and waits for the reply, which for some ops takes as long as the container. */
export function request(
  socketPath: string,
  what: Request,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Result<Reply, RuntimeFailure>> {
  return new Promise((resolve) => {
    const { signal } = options;
    if (signal?.aborted) return resolve(err(interrupted));
    const socket = open(socketPath);
    let received: Buffer = Buffer.alloc(0);
    const finish = (result: Result<Reply, RuntimeFailure>): void => {
      signal?.removeEventListener('abort', abort);
      socket.destroy();
      resolve(result);
    };
    const abort = (): void => finish(err(interrupted));
    signal?.addEventListener('abort', abort);
    socket.on('connect', () => socket.write(encodeRequest(what.op, what)));
    socket.on('data', (bytes) => {
      received = received.length === 0 ? bytes : Buffer.concat([received, bytes]);
      const reply = decodeReply(received);
      if (reply === 'alien') finish(err(gone('its reply makes no sense')));
      else if (reply !== undefined) finish(ok(reply));
    });
    socket.on('error', (error) => finish(err(gone(error.message))));
    socket.on('close', () => finish(err(gone('it closed the connection'))));
  });
}

/**
 * Hears every change of a container's state, the present one first. Ends when `onState` returns true, with 'told'; or when
 * the monitor is gone, with 'gone'. With `supervise` the monitor wakes another supervisor when this one is gone without
 * having been aborted.
 */
export function subscribe(
  socketPath: string,
  onState: (state: ShimState) => boolean,
  options: { readonly signal: AbortSignal; readonly supervise?: boolean | undefined },
): Promise<'told' | 'gone' | 'aborted'> {
  return new Promise((resolve) => {
    const { signal, supervise } = options;
    if (signal.aborted) return resolve('aborted');
    const socket = open(socketPath);
    let rest: Buffer = Buffer.alloc(0);
    const finish = (how: 'told' | 'gone' | 'aborted'): void => {
      signal.removeEventListener('abort', abort);
      if (supervise && how === 'aborted') socket.write(encodeRequest('LEAVE'));
      socket.destroySoon();
      resolve(how);
    };
    const abort = (): void => finish('aborted');
    signal.addEventListener('abort', abort);
    socket.on('connect', () => socket.write(encodeRequest('SUBSCRIBE', { a: Number(supervise === true) })));
    socket.on('data', (bytes) => {
      rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
      for (let reply = decodeReply(rest); reply !== undefined; reply = decodeReply(rest)) {
        if (reply === 'alien') return finish('gone');
        rest = rest.subarray(size.reply);
        if (onState(reply.state)) return finish('told');
      }
    });
    socket.on('error', () => finish('gone'));
    socket.on('close', () => finish('gone'));
  });
}

/** undefined: there is more to come. A monitor of another version may say less than ours do, and wait. */
function decodeReply(bytes: Buffer): Reply | 'alien' | undefined {
  if (bytes.length >= 4 && bytes.readUInt32LE(offset.reply.size) !== size.reply) return 'alien';
  if (bytes.length < size.reply) return undefined;
  const state = decodeState(bytes, offset.reply.state);
  return state === undefined ? 'alien' : { error: bytes.readUInt16LE(offset.reply.error), state };
}

/** A path too long for a socket address is reached through a descriptor of its directory. */
function open(path: string): Socket {
  if (Buffer.byteLength(path) <= longestSocketPath) return connect(path);
  try {
    const directory = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
    const socket = connect(`/proc/self/fd/${directory}/${basename(path)}`);
    socket.once('connect', () => closeSync(directory));
    socket.once('error', () => closeSync(directory));
    return socket;
  } catch {
    // The ordinary way reports that there is no such directory.
    return connect(path);
  }
}

export const interrupted: RuntimeFailure = { code: 'interrupted', message: 'cannot go on: interrupted', notes: [] };

const gone = (why: string): RuntimeFailure => ({
  code: 'shim-failed',
  message: `cannot reach the monitor of the container: ${why}`,
  notes: ['the next command finds out what became of it'],
});
