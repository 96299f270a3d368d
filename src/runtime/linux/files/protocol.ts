/** The same table as native/files-protocol.h, which says what each number means. Little-endian. */
export const fileChunk = 65536;

export const fileOp = {
  GREETING: 0,
  STAT: 1,
  LIST: 2,
  READ: 3,
  READLINK: 4,
  WRITE: 5,
  DATA: 6,
  COMMIT: 7,
  MKDIR: 8,
  SYMLINK: 9,
  REMOVE: 10,
  SETATTR: 11,
  LINK: 12,
} as const;
export type FileOp = (typeof fileOp)[Exclude<keyof typeof fileOp, 'GREETING'>];

export const fileFlag = { FOLLOW: 1, PARENTS: 2, KEEP: 4 } as const;

export type FileRequest = {
  readonly op: FileOp;
  readonly path?: string;
  readonly flags?: number;
  /** Permission bits. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Milliseconds since the epoch; absent: as it comes. */
  readonly mtimeMs?: number;
  readonly data?: Uint8Array;
};

export type FileReply = { readonly errno: number; readonly op: number; readonly more: boolean; readonly data: Buffer };

/** What lstat(2) says of a path inside a container. */
export type FileStat = {
  readonly kind: FileKind;
  /** Permission bits with set-id and sticky, without the type. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly links: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly inode: bigint;
  readonly device: string;
  /** Major and minor number, of a device node. */
  readonly rdev: readonly [number, number];
};

export type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character' | 'unknown';
export type FileEntry = { readonly name: string; readonly kind: FileKind };

const requestHead = 32;
const replyHead = 16;

export function encodeRequest(request: FileRequest): Buffer {
  const path = Buffer.from(request.path ?? '');
  const data = request.data ?? new Uint8Array();
  const bytes = Buffer.alloc(requestHead + path.length + data.length);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(request.op, 4);
  bytes.writeUInt16LE(path.length, 6);
  bytes.writeUInt32LE(request.flags ?? 0, 8);
  bytes.writeUInt32LE(request.mode ?? 0, 12);
  bytes.writeUInt32LE(request.uid ?? 0, 16);
  bytes.writeUInt32LE(request.gid ?? 0, 20);
  bytes.writeBigUInt64LE(BigInt(Math.round((request.mtimeMs ?? 0) * 1e6)), 24);
  path.copy(bytes, requestHead);
  bytes.set(data, requestHead + path.length);
  return bytes;
}

/** Takes whole replies off the front of `pending`; `rest` is what has not come yet. */
export function decodeReplies(pending: Buffer): { readonly replies: readonly FileReply[]; readonly rest: Buffer } {
  const replies: FileReply[] = [];
  let at = 0;
  while (pending.length - at >= replyHead) {
    const size = pending.readUInt32LE(at);
    if (pending.length - at < size) break;
    replies.push({
      errno: pending.readInt32LE(at + 4),
      op: pending.readUInt16LE(at + 8),
      more: pending.readUInt16LE(at + 10) !== 0,
      data: pending.subarray(at + replyHead, at + size),
    });
    at += size;
  }
  return { replies, rest: pending.subarray(at) };
}

/** By the type bits of st_mode, inode(7). */
const kinds = new Map<number, FileKind>([
  [0o010000, 'fifo'],
  [0o020000, 'character'],
  [0o040000, 'directory'],
  [0o060000, 'block'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
  [0o140000, 'socket'],
]);

export function decodeStat(data: Buffer): FileStat {
  const mode = data.readUInt32LE(0);
  return {
    kind: kinds.get(mode & 0o170000) ?? 'unknown',
    mode: mode & 0o7777,
    uid: data.readUInt32LE(4),
    gid: data.readUInt32LE(8),
    links: data.readUInt32LE(12),
    size: Number(data.readBigUInt64LE(16)),
    mtimeMs: Number(data.readBigUInt64LE(24)) / 1e6,
    inode: data.readBigUInt64LE(32),
    device: `${data.readUInt32LE(40)}:${data.readUInt32LE(44)}`,
    rdev: [data.readUInt32LE(48), data.readUInt32LE(52)],
  };
}

/** `struct linux_dirent64`, getdents64(2); `.` and `..` left out. d_type is the type bits of st_mode, shifted by 12. */
export function decodeEntries(data: Buffer): readonly FileEntry[] {
  const entries: FileEntry[] = [];
  for (let at = 0; at + 19 <= data.length; at += data.readUInt16LE(at + 16)) {
    const size = data.readUInt16LE(at + 16);
    const bytes = data.subarray(at + 19, at + size);
    const name = bytes.subarray(0, bytes.indexOf(0)).toString();
    if (name !== '.' && name !== '..')
      entries.push({ name, kind: kinds.get(data.readUInt8(at + 18) << 12) ?? 'unknown' });
  }
  return entries;
}
