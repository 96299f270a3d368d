/** One thing on its way from one place to another; parents come before what is in them. */
export type CopyEntry = {
  /** Below what is copied, without a leading slash; empty for itself. */
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Milliseconds since the epoch. */
  readonly mtimeMs: number;
} & (
  | { readonly kind: 'directory' }
  | { readonly kind: 'symlink'; readonly text: string }
  /** One more name of a file that has come before, at `first`, a path like `path`. */
  | { readonly kind: 'link'; readonly first: string }
  | { readonly kind: 'file'; readonly size: number; readonly content: AsyncIterable<Uint8Array> }
);

/** Where entries are put. */
export type CopySink = {
  readonly put: (entry: CopyEntry) => Promise<void>;
  /** Everything has been put. */
  readonly finish: () => Promise<void>;
};

/** What cannot be copied (sockets, devices) is told here and left out. */
export type LeftOut = (path: string, what: string) => void;

/** The path under which a file with several names has come before; undefined: it is the first time. */
export type FirstName = (file: {
  /** What all its names have in common: file system and inode. */
  readonly id: string;
  readonly links: number;
  readonly path: string;
}) => string | undefined;

export function firstNames(): FirstName {
  const names = new Map<string, string>();
  return ({ id, links, path }) => {
    if (links < 2) return undefined;
    const first = names.get(id);
    if (first === undefined) names.set(id, path);
    return first;
  };
}

export async function copyAll(entries: AsyncIterable<CopyEntry>, sink: CopySink): Promise<void> {
  for await (const entry of entries) await sink.put(entry);
  await sink.finish();
}

/** What is copied goes where `cp` of docker (and cp(1), mostly) puts it. */
export type CopyTarget = {
  readonly source: {
    readonly kind: 'file' | 'directory';
    /** Last component. */
    readonly name: string;
    /** `DIR/.`: what is in it, not itself. */
    readonly contentsOnly: boolean;
  };
  readonly destination: {
    /** As given. */
    readonly path: string;
    /** What is there, links followed; absent: nothing. */
    readonly kind?: 'file' | 'directory';
  };
};

/** The path that the source itself gets; or why it cannot be, in words. */
export function targetOf({
  source,
  destination,
}: CopyTarget): { readonly path: string } | { readonly problem: string } {
  const { path, kind } = destination;
  const bare = path.replace(/(.)\/+\.?$/, '$1');
  const inside = `${bare === '/' ? '' : bare}/${source.name}`;
  if (source.kind === 'directory') {
    if (kind === 'file') return { problem: `${path} is a file, and a directory cannot take its place` };
    return { path: kind === undefined || source.contentsOnly ? bare : inside };
  }
  if (kind === 'directory') return { path: inside };
  if (kind === undefined && /\/\.?$/.test(path)) return { problem: `there is no directory ${path}` };
  return kind === 'file' && /\/\.?$/.test(path) ? { problem: `${path} is no directory` } : { path: bare };
}
