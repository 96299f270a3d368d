import { constants } from 'node:os';
import { Attachment } from '../../runtime/linux/attach.ts';
import { openLogs } from '../../runtime/linux/logs.ts';
import { refuseOther } from '../../runtime/linux/other-version.ts';
import type { Context } from '../context.ts';
import { KeyWatch, parseKeys } from '../detach-keys.ts';
import { exitCode } from '../exit-code.ts';
import { sayFailure } from '../explain.ts';
import { isTerminal } from '../output.ts';
import { findReplica, type Replica } from '../replica.ts';
import { sayError } from '../say.ts';
import type { Flags } from '../table.ts';
import type { Runner } from './runner.ts';

const defaultKeys = 'ctrl-p,ctrl-q';
const lastWordsMs = 50;

export const attachCommand: Runner<'attach'> = async ({ flags, args }, context) => {
  const [service = ''] = args;
  const keys = parseKeys(flags['detach-keys'] ?? defaultKeys);
  if (keys === undefined) {
    const hint = 'write letters or ctrl- and a letter, by commas: ctrl-p,ctrl-q';
    sayError(context, { code: 'usage', message: `"${flags['detach-keys']}" are no keys`, hint });
    return exitCode.usage;
  }
  const replica = await findReplica(context, { service, index: flags.index, running: true });
  if (!replica.ok) return replica.error;
  if (isRefused(context, replica.value)) return exitCode.failed;
  return attach(context, replica.value, { flags, keys });
};

/** Whether it cannot be attached to, which has been explained then. */
function isRefused(context: Context, { container }: Replica): boolean {
  const { name, config, otherVersion } = container;
  if (config.logging.driver === 'none') {
    const hint = 'take "driver: none" out of logging: its output is kept nowhere';
    sayError(context, { code: 'no-output', message: `cannot attach to ${name}: it has no log`, hint });
    return true;
  }
  if (otherVersion === undefined) return false;
  sayFailure(context, refuseOther(`attach to ${name}`, otherVersion));
  return true;
}

type How = { readonly flags: Flags<'attach'>; readonly keys: Uint8Array };

/** Until the container ends (with its code) or is left by the keys. */
async function attach(context: Context, replica: Replica, { flags, keys }: How): Promise<number> {
  const { project, container } = replica;
  const attachment = new Attachment(project, container.name, context.environment);
  const over = new AbortController();
  const undo: (() => void)[] = [];
  const printing = printRaw(context, replica, over.signal);
  try {
    if (flags['sig-proxy']) undo.push(proxySignals(attachment));
    if (container.config.tty) undo.push(followWindow(attachment));
    const typing = flags['no-stdin'] ? undefined : passInput(attachment, { keys, tty: container.config.tty });
    if (typing !== undefined) undo.push(typing.stop);
    const end = await Promise.race([attachment.end(over.signal), ...(typing ? [typing.detached] : [])]);
    if (end === 'detached') return exitCode.ok;
    await new Promise((resolve) => setTimeout(resolve, lastWordsMs));
    return end ?? exitCode.failed;
  } finally {
    for (const stop of undo) stop();
    over.abort();
    await printing;
  }
}

/** From now on, as it comes. */
async function printRaw(context: Context, { project, container }: Replica, signal: AbortSignal): Promise<void> {
  const options = { tail: 0, follow: true, signal, host: context.environment };
  for await (const { stream, bytes } of openLogs(project, [container.name], options)) context[stream].write(bytes);
}

const proxied = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;

function proxySignals(attachment: Attachment): () => void {
  const pass = (signal: NodeJS.Signals) => void attachment.signal(constants.signals[signal]);
  for (const signal of proxied) process.on(signal, pass);
  return () => {
    for (const signal of proxied) process.off(signal, pass);
  };
}

/** The container's terminal is as large as ours. */
function followWindow(attachment: Attachment): () => void {
  if (!isTerminal(1)) return () => {};
  const resize = () => void attachment.resize(process.stdout.rows, process.stdout.columns);
  resize();
  process.stdout.on('resize', resize);
  return () => process.stdout.off('resize', resize);
}

type Typing = { readonly detached: Promise<'detached'>; readonly stop: () => void };

function passInput(
  attachment: Attachment,
  { keys, tty }: { readonly keys: Uint8Array; readonly tty: boolean },
): Typing | undefined {
  const input = attachment.openInput();
  const terminal = isTerminal(0);
  // Keys are of use even where nothing is passed on; what is no terminal would only be read in vain.
  if (input === undefined && !terminal) return undefined;
  const watch = new KeyWatch(keys);
  const { stdin } = process;
  if (terminal && tty) stdin.setRawMode(true);
  let leave = (_: 'detached') => {};
  const detached = new Promise<'detached'>((resolve) => {
    leave = resolve;
  });
  const take = (bytes: Buffer) => {
    const { typed, detached: gone } = terminal ? watch.feed(bytes) : { typed: bytes, detached: false };
    if (typed.length > 0 && input !== undefined && !input.write(typed)) {
      stdin.pause();
      input.once('drain', () => stdin.resume());
    }
    if (gone) leave('detached');
  };
  stdin.on('data', take);
  return {
    detached,
    stop: () => {
      stdin.off('data', take);
      stdin.pause();
      if (terminal && tty) stdin.setRawMode(false);
      input?.destroy();
    },
  };
}
