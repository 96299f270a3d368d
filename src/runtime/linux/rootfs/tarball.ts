import { closeSync, createReadStream, openSync, readSync, realpathSync, rmSync, statfsSync, statSync } from 'node:fs';
import type { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as zlib from 'node:zlib';
import type { Header } from 'tar-stream';
import { err, ok, type Result } from '../../../util/result.ts';
import { currentSignature } from './host-tree.ts';
import { hashFile } from './objects.ts';
import { recall, remember } from './sources.ts';
import { type Store, scratchPath, sweep } from './store.ts';
import { isWhole, publish } from './trees.ts';
import { BadArchive, type UnpackEntry, Unpacker } from './unpack.ts';

/** Bump when the same archive is unpacked into something else. */
const formatVersion = 1;

export type TarballLimits = {
  readonly entries: number;
  /** Bytes of the archive after decompression. */
  readonly bytes: number;
};

const defaultLimits: TarballLimits = { entries: 500_000, bytes: 64 * 2 ** 30 };

export type TarballRefusal = { readonly message: string; readonly notes: readonly string[] };

/** The key of the tree that the archive has been unpacked into, now or earlier. */
export async function prepareTarball(
  store: Store,
  path: string,
  limits: Partial<TarballLimits> = {},
): Promise<Result<readonly string[], TarballRefusal>> {
  const identity = JSON.stringify(['tarball', formatVersion, path]);
  const known = recall(store, identity);
  if (known !== undefined) return ok(known);

  const real = realpathSync(path);
  if (!statSync(real).isFile()) return refuse(path, 'not a regular file');
  const signature = currentSignature(real);
  const key = `tar${formatVersion}-${(await hashFile(real)).slice(0, 40)}`;
  if (!isWhole(store, key)) {
    sweep(store);
    const unpacked = await unpackInto(store, { path: real, key, limits: { ...defaultLimits, ...limits } });
    if (!unpacked.ok) return refuse(path, unpacked.error.message, ...unpacked.error.notes);
  }
  if (currentSignature(real) !== signature) return refuse(path, 'it is being written to', 'wait until it is complete');
  const inputs = [path, real].map((input) => [input, currentSignature(input)] as const);
  remember(store, identity, { trees: [key], inputs });
  return ok([key]);
}

const refuse = (path: string, reason: string, ...notes: readonly string[]): Result<never, TarballRefusal> =>
  err({ message: `cannot unpack ${path}: ${reason}`, notes });

async function unpackInto(
  store: Store,
  { path, key, limits }: { readonly path: string; readonly key: string; readonly limits: TarballLimits },
): Promise<Result<void, TarballRefusal>> {
  const decompress = decompressor(path);
  if (!decompress.ok) return decompress;
  const { bavail, bsize } = statfsSync(store.tmp);
  const bytes = Math.min(limits.bytes, Math.floor(bavail * bsize * 0.9));

  const root = scratchPath(store);
  try {
    const unpacker = new Unpacker(root);
    await unpackAll(unpacker, { path, decompress: decompress.value, limits: { ...limits, bytes } });
    const manifest = unpacker.finish();
    const image = imageArchive(new Set(manifest.map(([entry]) => entry)));
    if (image !== undefined) return image;
    publish(store, { key, manifest, root });
    return ok(undefined);
  } catch (cause) {
    const message = archiveFault(cause);
    if (message !== undefined) return err({ message, notes: [] });
    throw cause;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** What zlib and the tar reader throw about the contents, rather than the system about the disk. */
function archiveFault(cause: unknown): string | undefined {
  if (cause instanceof BadArchive) return cause.message;
  if (!(cause instanceof Error)) return undefined;
  const { code } = cause as NodeJS.ErrnoException;
  if (code?.startsWith('Z_') === true) return `its compression is damaged: ${cause.message}`;
  return code === undefined && cause.constructor === Error ? `it is damaged: ${cause.message}` : undefined;
}

type MakeTransform = () => Transform;

/** By what the file begins with, not by its name. undefined: it is not compressed. */
function decompressor(path: string): Result<MakeTransform | undefined, TarballRefusal> {
  const head = readHead(path);
  if (head.startsWith('1f8b')) return ok(() => zlib.createGunzip());
  if (head.startsWith('28b52ffd')) {
    const { createZstdDecompress } = zlib as { readonly createZstdDecompress?: MakeTransform };
    if (createZstdDecompress !== undefined) return ok(createZstdDecompress);
    return err({
      message: 'it is compressed with zstd',
      notes: ['Node 22.15 or newer can read it; or compress it with gzip'],
    });
  }
  const other = head.startsWith('fd377a585a00') ? 'xz' : head.startsWith('425a68') ? 'bzip2' : undefined;
  if (other === undefined) return ok(undefined);
  return err({ message: `it is compressed with ${other}`, notes: ['compress it with gzip, or not at all'] });
}

function readHead(path: string): string {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(6);
    return head.toString('hex', 0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

async function unpackAll(
  unpacker: Unpacker,
  options: { readonly path: string; readonly decompress: MakeTransform | undefined; readonly limits: TarballLimits },
): Promise<void> {
  const { path, decompress, limits } = options;
  // A CommonJS package: in the bundle only its default export survives.
  const { default: tar } = await import('tar-stream');
  const extract = tar.extract();
  const file: Readable = createReadStream(path, { highWaterMark: 1 << 18 });
  const bounded = (source: AsyncIterable<Buffer>): AsyncIterable<Buffer> => limitBytes(source, limits.bytes);
  const fed =
    decompress === undefined ? pipeline(file, bounded, extract) : pipeline(file, decompress(), bounded, extract);
  // Whatever ends the feeding ends the loop below as well; what counts is the first error.
  const feedError = fed.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  try {
    let count = 0;
    for await (const entry of extract) {
      if (++count > limits.entries) throw new BadArchive(`it has more than ${limits.entries} entries`);
      await unpackEntry(unpacker, entry as unknown as TarEntry);
    }
  } catch (cause) {
    extract.destroy();
    throw cause instanceof BadArchive ? cause : ((await feedError) ?? cause);
  }
  const cause = await feedError;
  if (cause !== undefined) throw cause;
}

async function* limitBytes(source: AsyncIterable<Buffer>, limit: number): AsyncIterable<Buffer> {
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > limit) throw new BadArchive(`it is larger than ${limit} bytes when unpacked`);
    yield chunk;
  }
}

/** What tar-stream gives us; its types say less of `type` and `pax`. */
type TarHeader = Omit<Header, 'type' | 'linkname' | 'pax'> & {
  readonly type: Header['type'] | null;
  readonly linkname: string | null;
  readonly pax?: { readonly [key: string]: string } | null;
};
type TarEntry = AsyncIterable<Buffer> & { readonly header: TarHeader; resume(): unknown };

async function unpackEntry(unpacker: Unpacker, tarEntry: TarEntry): Promise<void> {
  const { header } = tarEntry;
  const entry = checkedEntry(header);
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return unpackFile(unpacker, entry, tarEntry);
    case 'directory':
      unpacker.directory(entry);
      break;
    case 'symlink':
      unpacker.symlink(entry, header.linkname ?? '');
      break;
    case 'link':
      unpacker.hardLink(entry, header.linkname ?? '');
      break;
    case 'character-device':
    case 'block-device':
    case 'fifo':
      // Node has no mknod(2), and a container gets a /dev of its own anyway.
      break;
    default:
      throw new BadArchive(`the entry "${entry.name}" is of a kind that is not supported (a sparse file?)`);
  }
  tarEntry.resume();
}

async function unpackFile(unpacker: Unpacker, entry: UnpackEntry, contents: AsyncIterable<Buffer>): Promise<void> {
  const file = unpacker.file(entry);
  try {
    for await (const chunk of contents) file.write(chunk);
  } finally {
    file.close();
  }
}

const maxId = 2 ** 32 - 2;

function checkedEntry({ name, mode, uid, gid, mtime, pax }: TarHeader): UnpackEntry {
  for (const key of Object.keys(pax ?? {})) {
    if (key.startsWith('GNU.sparse.'))
      throw new BadArchive(`the entry "${name}" is a sparse file, which is not supported`);
  }
  const ids = [Number(pax?.['uid'] ?? uid), Number(pax?.['gid'] ?? gid)] as const;
  if (!ids.every((id) => Number.isInteger(id) && id >= 0 && id <= maxId)) {
    throw new BadArchive(`the entry "${name}" has an owner that no system has`);
  }
  const seconds = Number(pax?.['mtime'] ?? mtime.getTime() / 1000);
  const isSane = Number.isFinite(seconds) && Math.abs(seconds) < 2 ** 33;
  return { name, mode: mode & 0o7777, uid: ids[0], gid: ids[1], mtime: isSane ? seconds : 0 };
}

/** `docker save` and OCI archives hold layers, not a file system. */
function imageArchive(paths: ReadonlySet<string>): Result<never, TarballRefusal> | undefined {
  const hasSystem = ['/bin', '/usr', '/etc', '/lib'].some((path) => paths.has(path));
  if (hasSystem || !(paths.has('/manifest.json') || paths.has('/oci-layout'))) return undefined;
  return err({
    message: 'it is an image, not a file system',
    notes: ['make a tarball of a container instead: docker export CONTAINER > rootfs.tar'],
  });
}
