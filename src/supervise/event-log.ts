import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { LogLine } from './log-entry.ts';
import { inOrder } from './telling-order.ts';

export type EventLog = {
  /** Never throws: a full disk costs history, not the service. Nothing is written for a project that is gone. */
  append(line: LogLine): void;
  /** In the order of things; what cannot be read (a line torn by a crash) is left out. */
  read(): readonly LogLine[];
};

/** With two files of this size, some thousand events are remembered. */
export const maxFileBytes = 512 * 1024;
/** Longer texts (a probe's output, a failure) are cut, so that one line cannot push out all others. */
const maxTextLength = 4096;

/**
 * The history of a project: one line of JSON an event, in `path` and, before it, `path.1`. Several processes may write
 * (a command and the supervisor): every line is one append of a whole line.
 */
export function openEventLog(path: string, options: EventLogOptions = {}): EventLog {
  const { maxBytes = maxFileBytes, create = true } = options;
  let ours = 0;
  return {
    append(line) {
      try {
        ours = appendLine(path, `${JSON.stringify(line, cutText)}\n`, { maxBytes, create, whole: ours });
      } catch {
        // Nobody could be told: telling is what did not work.
      }
    },
    read: () => inOrder([...readLines(`${path}.1`), ...readLines(path)]),
  };
}

export type EventLogOptions = {
  readonly maxBytes?: number;
  /** false: a log that does not exist stays so. Who makes a project makes its log; who only watches it must not revive it. */
  readonly create?: boolean;
};

const cutText = (_key: string, value: unknown): unknown =>
  typeof value === 'string' && value.length > maxTextLength ? `${value.slice(0, maxTextLength)}…` : value;

type Appending = Required<EventLogOptions> & {
  /** The size at which the file is known to end with a whole line. */
  readonly whole: number;
};

/** Returns the next `whole`: the size of the file if nobody else writes meanwhile, 0 when the disk was full. */
function appendLine(path: string, line: string, { maxBytes, create, whole }: Appending): number {
  const { O_APPEND, O_CREAT, O_RDWR } = constants;
  const file = openSync(path, O_RDWR | O_APPEND | (create ? O_CREAT : 0), 0o600);
  try {
    const { size, ino } = fstatSync(file);
    const bytes = Buffer.from(size === whole || endsWithBreak(file, size) ? line : `\n${line}`);
    const written = writeSync(file, bytes);
    const end = size + written;
    // Whoever fills the file turns it over; if another process has done so by now, `path` is another file already.
    if (end > maxBytes && statSync(path).ino === ino) {
      renameSync(path, `${path}.1`);
      closeSync(openSync(path, 'a', 0o600));
    }
    return written === bytes.length ? end : 0;
  } finally {
    closeSync(file);
  }
}

/** false after a line that a crash or a full disk has torn: the next one must not be glued to it. */
function endsWithBreak(file: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size === 0 || readSync(file, last, 0, 1, size - 1) === 0 || last[0] === 0x0a;
}

function readLines(path: string): readonly LogLine[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const parsed = parseLine(line);
    return parsed === undefined ? [] : [parsed];
  });
}

/** undefined: empty, or torn by a crash. */
export function parseLine(line: string): LogLine | undefined {
  if (line === '') return undefined;
  try {
    const value: unknown = JSON.parse(line);
    const isLine =
      typeof value === 'object' && value !== null && 'kind' in value && 'atMs' in value && 'container' in value;
    return isLine ? (value as LogLine) : undefined;
  } catch {
    return undefined;
  }
}
