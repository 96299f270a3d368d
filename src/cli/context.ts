import type { Output } from './output.ts';
import type { Paint } from './render/color.ts';
import type { GlobalFlags } from './table.ts';

/** Everything of the outside that a command may see, and how it answers. */
export type Context = {
  readonly globals: GlobalFlags;
  readonly environment: { readonly [name: string]: string | undefined };
  /** Absolute. */
  readonly cwd: string;
  readonly home: string;
  /** For results. */
  readonly stdout: Output;
  /** For progress, warnings and errors. */
  readonly stderr: Output;
  /** Colours for results. */
  readonly paint: Paint;
  /** Colours for progress, warnings and errors. */
  readonly paintError: Paint;
  /** Where things may be kept that can be made again; absent: nowhere. */
  readonly cacheDirectory?: string;
  /** Tells which kind of run this is, for the cache of compiled code; a fixed set of words. */
  readonly ran: (what: string) => void;
};
