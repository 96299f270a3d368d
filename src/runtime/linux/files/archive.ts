import type { Readable, Writable } from 'node:stream';
import type { Header } from 'tar-stream';
import type { CopyEntry, CopySink, LeftOut } from './entry.ts';

/** What tar-stream gives us; its types say less. */
type Extracted = AsyncIterable<Buffer> & { readonly header: Header; resume(): unknown };

/** As a tar archive, through `write`. `name` is what stands for the copied thing itself; `.` for a directory's contents. */
export async function tarSink(name: string, write: (bytes: Uint8Array) => void): Promise<CopySink> {
  // A CommonJS package: in the bundle only its default export survives.
  const { default: tar } = await import('tar-stream');
  const pack = tar.pack();
  let refusal: { readonly cause: unknown } | undefined;
  // An archive that is given up while something is packed says that, and not why: it is read to its end all the same.
  const written = (async () => {
    for await (const bytes of pack as unknown as AsyncIterable<Uint8Array>) {
      try {
        if (refusal === undefined) write(bytes);
      } catch (cause) {
        refusal = { cause };
      }
    }
  })();
  const refuse = (): void => {
    if (refusal !== undefined) throw refusal.cause;
  };
  const named = (path: string): string => (path === '' ? name : name === '.' ? path : `${name}/${path}`);
  return {
    put: async (entry) => {
      refuse();
      const { mode, uid, gid, mtimeMs } = entry;
      const path = named(entry.path);
      const header = { mode, uid, gid, mtime: new Date(mtimeMs) };
      if (entry.kind === 'directory') pack.entry({ ...header, name: `${path}/`, type: 'directory' });
      else if (entry.kind === 'symlink') pack.entry({ ...header, name: path, type: 'symlink', linkname: entry.text });
      else if (entry.kind === 'link') pack.entry({ ...header, name: path, type: 'link', linkname: named(entry.first) });
      else
        await packFile(pack.entry({ ...header, name: path, size: entry.size }) as unknown as Writable, entry, refuse);
    },
    finish: async () => {
      pack.finalize();
      await written;
      refuse();
    },
  };
}

/**
 * The header has promised a size: a file that grows meanwhile is cut there, one that shrinks is filled with zeros. `refuse`
 * throws when it is for nothing.
 */
async function packFile(
  into: Writable,
  { size, content }: Extract<CopyEntry, { kind: 'file' }>,
  refuse: () => void,
): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    into.once('finish', resolve);
    into.once('error', reject);
  });
  const send = async (bytes: Uint8Array) => {
    if (!into.write(bytes)) await new Promise((resolve) => into.once('drain', resolve));
    refuse();
  };
  let left = size;
  for await (const bytes of content) {
    const part = bytes.subarray(0, left);
    left -= part.length;
    if (part.length > 0) await send(part);
  }
  for (const zeros = Buffer.alloc(65536); left > 0; left -= Math.min(left, zeros.length)) {
    await send(zeros.subarray(0, Math.min(left, zeros.length)));
  }
  into.end();
  await done;
}

/** What is in an archive, names taken as being below the place it is unpacked at. */
export async function* tarEntries(
  source: Readable,
  { leftOut }: { readonly leftOut: LeftOut },
): AsyncGenerator<CopyEntry> {
  const { default: tar } = await import('tar-stream');
  const extract = tar.extract();
  source.once('error', (error) => extract.destroy(error));
  source.pipe(extract);
  for await (const extracted of extract as unknown as AsyncIterable<Extracted>) {
    const { header } = extracted;
    const entry = entryOf(extracted);
    if (entry === undefined) leftOut(header.name, header.type ?? 'entry');
    else if (entry.path !== '' || entry.kind === 'directory') yield entry;
    extracted.resume();
  }
}

function entryOf(extracted: Extracted): CopyEntry | undefined {
  const { name, mode = 0o644, uid = 0, gid = 0, mtime, type, linkname, size = 0 } = extracted.header;
  const path = pathOf(name);
  if (path === undefined) return undefined;
  const common = { path, mode: mode & 0o7777, uid, gid, mtimeMs: mtime?.getTime() ?? Date.now() };
  switch (type) {
    case 'directory':
      return { ...common, kind: 'directory' };
    case 'symlink':
      return { ...common, kind: 'symlink', text: linkname ?? '' };
    case 'link': {
      const first = pathOf(linkname ?? '');
      return first === undefined ? undefined : { ...common, kind: 'link', first };
    }
    case 'file':
    case 'contiguous-file':
      return { ...common, kind: 'file', size, content: extracted };
    default:
      return undefined;
  }
}

/** Undefined when it leads out of the archive. */
function pathOf(name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  return parts.includes('..') ? undefined : parts.join('/');
}
