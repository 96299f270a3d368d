import { closeSync, type FSWatcher, fstatSync, openSync, readSync, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';
import { parseLine } from './event-log.ts';
import type { LogLine } from './log-entry.ts';

/** How long a line may go unnoticed when the kernel does not tell: the log may not exist yet, or not any more. */
const floorMs = 500;

/**
 * Calls `onLine` with every line that is appended to an event log from now on, across turns of the file, until the signal.
 */
export async function followEvents(
  path: string,
  { onLine, signal }: { readonly onLine: (line: LogLine) => void; readonly signal: AbortSignal },
): Promise<void> {
  const tail = new Tail(path, onLine);
  let watcher: FSWatcher | undefined;
  const look = (): void => {
    tail.read();
    watcher ??= watchDirectory(dirname(path), {
      onChange: () => tail.read(),
      onEnd: () => {
        watcher = undefined;
      },
    });
  };
  look();
  const floor = setInterval(look, floorMs);
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(floor);
  watcher?.close();
  tail.close();
}

/** The open end of the log; follows the file it has open, and then the one that has taken its place. */
class Tail {
  readonly #path: string;
  readonly #onLine: (line: LogLine) => void;
  #file: number | undefined;
  #at = 0;
  #rest = '';

  constructor(path: string, onLine: (line: LogLine) => void) {
    this.#path = path;
    this.#onLine = onLine;
    this.#open();
    if (this.#file !== undefined) this.#at = fstatSync(this.#file).size;
  }

  read(): void {
    if (this.#file === undefined) this.#open();
    if (this.#file === undefined) return;
    // What replaces the file is looked for first: until then all is in the one that is open.
    const isReplaced = !isSame(this.#file, this.#path);
    this.#readAll(this.#file);
    if (!isReplaced) return;
    this.close();
    this.#open();
    if (this.#file !== undefined) this.#readAll(this.#file);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): void {
    try {
      this.#file = openSync(this.#path, 'r');
      this.#at = 0;
      this.#rest = '';
    } catch {
      // Not there yet, or not any more.
    }
  }

  #readAll(file: number): void {
    const bytes = Buffer.alloc(64 << 10);
    for (;;) {
      const length = readSync(file, bytes, 0, bytes.length, this.#at);
      if (length === 0) return;
      this.#at += length;
      // As Latin-1, so that a character that a reading cuts in two is whole again with its line.
      const lines = (this.#rest + bytes.toString('latin1', 0, length)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) {
        const parsed = parseLine(Buffer.from(line, 'latin1').toString());
        if (parsed !== undefined) this.#onLine(parsed);
      }
    }
  }
}

function isSame(file: number, path: string): boolean {
  try {
    const [open, named] = [fstatSync(file), statSync(path)];
    return open.ino === named.ino && open.dev === named.dev;
  } catch {
    return false;
  }
}

function watchDirectory(
  path: string,
  { onChange, onEnd }: { readonly onChange: () => void; readonly onEnd: () => void },
): FSWatcher | undefined {
  try {
    const watcher = watch(path, onChange);
    watcher.on('error', () => {
      watcher.close();
      onEnd();
    });
    return watcher;
  } catch {
    return undefined;
  }
}
