import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { InternalError } from '../../../util/assert.ts';
import type { Native } from '../native.ts';
import { killProcessesIn } from '../proc.ts';
import { decodeNetReply, encodeNetRequest, type NetReply, netOp } from './net-table.ts';

/** Talks to the project's net process, which outlives every command. */

const REPLY_TIMEOUT_MS = 10_000;
const QUIT_TIMEOUT_MS = 2000;
const START_TRIES = 50;
const QUIT_TRIES = 1000;
/** After so many requests that change nothing it is a process that does not understand us, of an older version perhaps. */
const POLITE_TRIES = 100;
const LOCK_EX = 2;
const LOCK_NB = 4;
const HANG_UPS = 5;
const ALREADY_SERVED = 3;

export type NetProcess = {
  /** Directory with `router`, `net.sock` and `net.table`. */
  readonly run: string;
  /** The tsc-net program. */
  readonly program: string;
  /** It is being started; never rejected. */
  beginning?: Promise<void>;
};

/**
 * Starts the process of a router that was made a moment ago, which has none, while it is being decided what it will serve.
 * Whether that succeeds is seen by who hands over the first table.
 */
export function beginNetProcess(process: NetProcess): void {
  process.beginning = start(process).then(
    (socket) => void socket.destroy(),
    () => {},
  );
}

/** Hands a table over, starting the process when there is none, and again when it is killed meanwhile. */
export async function setNetTable(process: NetProcess, table: Buffer): Promise<NetReply> {
  await process.beginning;
  for (let attempt = 1; ; attempt++) {
    const socket = (await connect(process.run)) ?? (await start(process));
    const reply = await exchange(socket, table);
    if (reply !== 'hung-up') return reply;
    if (attempt === HANG_UPS) throw new InternalError(`the net process hung up ${attempt} times`);
  }
}

/** Hands a table to the process of another project; without one it is the business of that project's next command. */
export async function offerNetTable(run: string, table: Buffer): Promise<void> {
  const socket = await connect(run);
  if (socket !== undefined) await exchange(socket, table);
}

/** What the process serves now; undefined when there is none. */
export async function askNetStatus(run: string): Promise<NetReply | undefined> {
  const socket = await connect(run);
  const reply = socket === undefined ? 'hung-up' : await exchange(socket, encodeNetRequest(netOp.STATUS));
  return reply === 'hung-up' ? undefined : reply;
}

/** Brings a dead process back with the table it had. */
export async function ensureNetProcess(process: NetProcess): Promise<void> {
  const socket = (await connect(process.run)) ?? (await start(process));
  socket.destroy();
}

/**
 * Ends the process and all its connections; fine when there is none. One may just be on its way, because a monitor has
 * seen the end of the one before: the lock tells, and is held while the table goes that it would serve.
 */
export async function quitNetProcess(native: Native, run: string): Promise<void> {
  const lock = openSync(`${run}/net.lock`, 'a', 0o600);
  try {
    for (let attempt = 0; !native.flock(lock, LOCK_EX | LOCK_NB); attempt++) {
      if (attempt === QUIT_TRIES) throw new InternalError('the net process holds its lock and does not end');
      const socket = await connect(run);
      const silent = socket !== undefined && (await isSilent(socket));
      if (silent || attempt % POLITE_TRIES === POLITE_TRIES - 1) killProcessesIn(run, 'tsc-net');
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    for (const name of ['net.sock', 'net.table', 'net.table.new']) rmSync(`${run}/${name}`, { force: true });
  } finally {
    closeSync(lock);
  }
}

/** Asks for the end; a process that is stopped, say, takes the request and never answers. */
async function isSilent(socket: Socket): Promise<boolean> {
  const answer = exchange(socket, encodeNetRequest(netOp.QUIT), QUIT_TIMEOUT_MS);
  return answer.then(
    () => false,
    () => true,
  );
}

async function connect(run: string): Promise<Socket | undefined> {
  const socket = createConnection(`${run}/net.sock`);
  try {
    await once(socket, 'connect');
    return socket;
  } catch {
    return undefined;
  }
}

async function start({ run, program }: NetProcess): Promise<Socket> {
  for (let attempt = 0; attempt < START_TRIES; attempt++) {
    const child = spawn(program, ['serve', run], { stdio: 'ignore', detached: true, env: {}, cwd: '/' });
    const [code] = (await once(child, 'exit')) as [number | null];
    const socket = await connect(run);
    if (socket !== undefined) return socket;
    // The one that holds the lock is on its way up, or out.
    if (code !== ALREADY_SERVED && code !== 0) throw new InternalError(`${program} ended with code ${code}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new InternalError(`${program} holds its lock and does not answer`);
}

/** One request, one reply; the connection is closed. `hung-up`: the process died over it. */
function exchange(socket: Socket, request: Buffer, timeoutMs = REPLY_TIMEOUT_MS): Promise<NetReply | 'hung-up'> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0);
    const give = (settle: () => void): void => {
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      settle();
    };
    socket.setTimeout(timeoutMs);
    socket.on('timeout', () => give(() => reject(new InternalError('the net process does not answer'))));
    socket.on('error', () => give(() => resolve('hung-up')));
    socket.on('close', () => give(() => resolve('hung-up')));
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      const reply = decodeNetReply(received);
      if (reply !== undefined) give(() => resolve(reply));
    });
    socket.write(request);
  });
}
