import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { InternalError } from '../../../util/assert.ts';
import { errnoName } from '../native.ts';
import {
  decodeEntries,
  decodeReplies,
  decodeStat,
  encodeRequest,
  type FileEntry,
  type FileReply,
  type FileRequest,
  type FileStat,
  fileChunk,
  fileFlag,
  fileOp,
} from './protocol.ts';

/** The kernel refused something inside the container; `code` is the errno's name. */
export class FileError extends Error {
  override readonly name = 'FileError';
  readonly code: string;
  readonly path: string;

  constructor(code: string, path: string) {
    super(`${path}: ${code}`);
    this.code = code;
    this.path = path;
  }
}

export type FileAttributes = {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs?: number;
  /** Missing parent directories are made, 0755 root. */
  readonly parents?: boolean;
};

export type WriteAttributes = FileAttributes & {
  /** Keep the owner of a file that is there. */
  readonly keepOwner?: boolean;
};

/** PID 1 of a container as the host sees it, and its start time (proc(5) stat field 22): together they name one process. */
export type ContainerProcess = { readonly pid: number; readonly startTime: bigint };

/** What the root of a container is made of that does not run; `lowers` top first. */
export type ContainerLayers = {
  /** A directory of ours that is there after a boot, too: the root is mounted in or below it. */
  readonly place: string;
  /** With `work` empty: only to be read. */
  readonly upper: string;
  readonly work: string;
  readonly lowers: readonly string[];
};

type Waiting = {
  readonly request: FileRequest;
  readonly onReply: (reply: FileReply) => void;
  readonly onEnd: (error: Error) => void;
};

/**
 * The files of a container, read and changed by a process of ours inside its mount namespace: links end inside,
 * nothing of the container is executed, and a file that is written appears whole or not at all. Requests are answered in
 * order and may be sent without waiting for the answer of the one before. Methods throw a `FileError`.
 */
export class FileService {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting: Waiting[] = [];
  /** Whoever waits for room in the pipe. */
  readonly #senders: (() => void)[] = [];
  #pending: Buffer = Buffer.alloc(0);
  #ended: Error | undefined;

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    child.stdout.on('data', (bytes: Buffer) => this.#take(bytes));
    child.stdin.on('error', (error) => this.#end(error));
    child.on('error', (error) => this.#end(error));
    child.on('close', () => this.#end(new FileError('ESRCH', 'the container')));
  }

  /**
   * Joins the container, or mounts its layers where nobody else sees them; throws a `FileError` (ESRCH) when it has ended
   * meanwhile. A container must not be started while its layers are open here to be written.
   */
  static async open(shim: string, container: ContainerProcess | ContainerLayers): Promise<FileService> {
    const args =
      'pid' in container
        ? ['files', String(container.pid), String(container.startTime)]
        : ['layers', container.place, container.upper, container.work, ...container.lowers];
    const service = new FileService(spawn(shim, args, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await new Promise<void>((resolve, reject) => {
      service.#waiting.push({
        request: { op: fileOp.STAT, path: 'the container' },
        onReply: (reply) => (reply.errno === 0 ? resolve() : reject(new FileError(errnoName(reply.errno), '/'))),
        onEnd: reject,
      });
    });
    return service;
  }

  /** false: the process of ours is gone, and every further request would fail. */
  get isOpen(): boolean {
    return this.#ended === undefined;
  }

  /** Waits for what was asked, then leaves the container. */
  async close(): Promise<void> {
    if (this.#ended !== undefined) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.#child.stdin.end();
    await closed;
  }

  /** undefined when nothing is there. */
  async stat(path: string, options: { readonly follow?: boolean } = {}): Promise<FileStat | undefined> {
    const flags = options.follow === true ? fileFlag.FOLLOW : 0;
    const reply = await this.#one({ op: fileOp.STAT, path, flags });
    if (reply.errno === 0) return decodeStat(reply.data);
    const code = errnoName(reply.errno);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new FileError(code, path);
  }

  async list(path: string): Promise<readonly FileEntry[]> {
    const entries: FileEntry[] = [];
    for await (const data of this.#stream({ op: fileOp.LIST, path })) entries.push(...decodeEntries(data));
    return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** The bytes of a regular file, in chunks. */
  read(path: string): AsyncGenerator<Buffer> {
    return this.#stream({ op: fileOp.READ, path });
  }

  async readlink(path: string): Promise<string> {
    return (await this.#checked({ op: fileOp.READLINK, path })).data.toString();
  }

  async write(path: string, content: AsyncIterable<Uint8Array>, attributes: WriteAttributes): Promise<void> {
    await this.#checked(this.#writeRequest(path, attributes));
    for await (const bytes of content) {
      for (let at = 0; at < bytes.length; at += fileChunk)
        await this.#send({ op: fileOp.DATA, data: bytes.subarray(at, at + fileChunk) });
    }
    const reply = await this.#one({ op: fileOp.COMMIT });
    if (reply.errno !== 0) throw new FileError(errnoName(reply.errno), path);
  }

  /** As `write`, sent at once: many small files need not wait for each other's answers. */
  async writeWhole(path: string, content: Uint8Array, attributes: WriteAttributes): Promise<void> {
    const begun = this.#checked(this.#writeRequest(path, attributes));
    for (let at = 0; at < content.length; at += fileChunk) {
      void this.#send({ op: fileOp.DATA, data: content.subarray(at, at + fileChunk) });
    }
    const committed = this.#one({ op: fileOp.COMMIT });
    // The failure of the beginning is the cause of the other.
    committed.catch(() => {});
    await begun;
    const { errno } = await committed;
    if (errno !== 0) throw new FileError(errnoName(errno), path);
  }

  async mkdir(path: string, attributes: FileAttributes): Promise<void> {
    await this.#checked(this.#attributed(fileOp.MKDIR, path, attributes));
  }

  async symlink(path: string, text: string, attributes: FileAttributes): Promise<void> {
    await this.#checked({ ...this.#attributed(fileOp.SYMLINK, path, attributes), data: Buffer.from(text) });
  }

  /** One more name for the file that is at `first`. */
  async link(path: string, first: string): Promise<void> {
    await this.#checked({ op: fileOp.LINK, path, data: Buffer.from(first) });
  }

  /** Whatever is there, with all below it; nothing there is fine. */
  async remove(path: string): Promise<void> {
    await this.#checked({ op: fileOp.REMOVE, path });
  }

  async setAttributes(path: string, attributes: FileAttributes): Promise<void> {
    await this.#checked(this.#attributed(fileOp.SETATTR, path, attributes));
  }

  #writeRequest(path: string, attributes: WriteAttributes): FileRequest {
    const keep = attributes.keepOwner === true ? fileFlag.KEEP : 0;
    return { ...this.#attributed(fileOp.WRITE, path, attributes), flags: keep | parentsFlag(attributes) };
  }

  #attributed(op: FileRequest['op'], path: string, { mode, uid, gid, ...rest }: FileAttributes): FileRequest {
    const time = rest.mtimeMs === undefined ? {} : { mtimeMs: rest.mtimeMs };
    return { op, path, mode, uid, gid, flags: parentsFlag(rest), ...time };
  }

  async #checked(request: FileRequest): Promise<FileReply> {
    const reply = await this.#one(request);
    if (reply.errno !== 0) throw new FileError(errnoName(reply.errno), request.path ?? '');
    return reply;
  }

  #one(request: FileRequest): Promise<FileReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, onReply: resolve, onEnd: reject });
      void this.#send(request);
    });
  }

  async *#stream(request: FileRequest): AsyncGenerator<Buffer> {
    const replies: FileReply[] = [];
    let failure: Error | undefined;
    let wanted = true;
    let wake = () => {};
    this.#waiting.push({
      request,
      onReply: (reply) => {
        if (!wanted) return;
        replies.push(reply);
        // The kernel keeps the rest in the pipe until the reader has caught up.
        if (replies.length > 16) this.#child.stdout.pause();
        wake();
      },
      onEnd: (error) => {
        failure = error;
        wake();
      },
    });
    void this.#send(request);
    try {
      for (;;) {
        const reply = replies.shift();
        if (reply === undefined) {
          if (failure !== undefined) throw failure;
          this.#child.stdout.resume();
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          continue;
        }
        if (reply.errno !== 0) throw new FileError(errnoName(reply.errno), request.path ?? '');
        if (!reply.more) return;
        yield reply.data;
      }
    } finally {
      // Whoever stops half-way leaves the rest of the answer to be passed over.
      wanted = false;
      this.#child.stdout.resume();
    }
  }

  #send(request: FileRequest): Promise<void> {
    if (this.#ended !== undefined) {
      this.#waiting.splice(0).forEach(({ onEnd }) => {
        onEnd(this.#ended as Error);
      });
      return Promise.resolve();
    }
    const roomLeft = this.#child.stdin.write(encodeRequest(request));
    if (roomLeft) return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#senders.length === 0) this.#child.stdin.once('drain', () => this.#goOn());
      this.#senders.push(resolve);
    });
  }

  #take(bytes: Buffer): void {
    const { replies, rest } = decodeReplies(this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]));
    this.#pending = rest;
    for (const reply of replies) {
      const first = this.#waiting[0];
      if (first === undefined) throw new InternalError('the file service answered without being asked');
      if (!reply.more) this.#waiting.shift();
      first.onReply(reply);
    }
  }

  #goOn(): void {
    for (const goOn of this.#senders.splice(0)) goOn();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#goOn();
    for (const { onEnd } of this.#waiting.splice(0)) onEnd(this.#ended);
  }
}

function parentsFlag(attributes: { readonly parents?: boolean }): number {
  return attributes.parents === true ? fileFlag.PARENTS : 0;
}
