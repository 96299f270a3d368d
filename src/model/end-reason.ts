import { bytesText } from '../util/quantity.ts';
import type { ContainerConfig } from './project.ts';

/** The end of a process. */
export type End = {
  /** As a shell sees it; null: every witness was killed too. */
  readonly exitCode: number | null;
  readonly signal?: string | undefined;
  readonly oomKilled: boolean;
};

export type EndReason = {
  /** Completes "it …". */
  readonly text: string;
  /** What most likely mends it; absent: only its output can tell. */
  readonly remedy?: string;
  /** The path in `ContainerConfig` of what is most likely to be changed. */
  readonly configPath: string;
};

/** How a process ended, after "ended"; without what mends it. */
export function endText({ exitCode, signal, oomKilled }: End): string {
  const memory = oomKilled ? 'it was out of memory (see mem_limit)' : undefined;
  if (exitCode === null) return `with an unknown code: ${memory ?? unseen}`;
  const means = memory ?? (signal === undefined ? codes[exitCode] : undefined);
  const how = signal === undefined ? `with code ${exitCode}` : `by ${signal} (code ${exitCode})`;
  return means === undefined ? how : `${how}: ${means}`;
}

const unseen = 'nobody was left to see it';
const codes: { readonly [exitCode: number]: string } = {
  126: 'a program that it runs is not executable',
  127: 'a program that it runs was not found',
};

/** What the end of a container's command means. Reference: signal(7), and POSIX "Exit Status for Commands". */
export function endReason({ exitCode, signal, oomKilled }: End, config: ContainerConfig): EndReason {
  const configPath = 'argv';
  if (oomKilled) return outOfMemory({ exitCode, signal }, config);
  const plain = `ended ${endText({ exitCode, signal, oomKilled })}`;
  if (exitCode === null) {
    const remedy = 'the next up starts it again';
    return { text: plain, remedy, configPath };
  }
  if (signal !== undefined) {
    const { means, remedy } = signals[signal] ?? {};
    const text = `was ${plain}${means === undefined ? '' : `: ${means}`}`;
    return { text, ...(remedy !== undefined && { remedy }), configPath };
  }
  if (exitCode === 126) {
    const remedy = 'its last output names the file: chmod +x it, and look at its first line (#!)';
    return { text: plain, remedy, configPath };
  }
  if (exitCode === 127) {
    const isHost = config.rootfs.kind === 'host';
    const remedy = `its last output names it: add it to ${isHost ? 'rootfs.host' : 'the root filesystem, or to PATH'}`;
    return { text: plain, remedy, configPath: isHost ? 'rootfs.programs' : configPath };
  }
  const inner = Object.entries(signals).find(([, { number }]) => exitCode === 128 + number);
  if (inner !== undefined) {
    const [name, { means, remedy }] = inner;
    const text = `${plain}, as if by ${name}: ${means}`;
    return { text, ...(remedy !== undefined && { remedy }), configPath };
  }
  return { text: plain, configPath };
}

function outOfMemory({ exitCode, signal }: Omit<End, 'oomKilled'>, { resources }: ContainerConfig): EndReason {
  const { memoryBytes } = resources;
  const why = memoryBytes === undefined ? 'out of memory' : `out of memory, the limit is ${bytesText(memoryBytes)}`;
  const code = exitCode === null ? '' : ` (code ${exitCode})`;
  return {
    text: signal === 'SIGKILL' ? `was killed${code}: ${why}` : `ended${code} after a process in it was killed: ${why}`,
    remedy: 'raise mem_limit, or make it use less: tscompose limits shows what it reaches',
    configPath: memoryBytes === undefined ? 'resources' : 'resources.memoryBytes',
  };
}

type Meaning = { readonly number: number; readonly means: string; readonly remedy?: string };

const crash = 'it is a fault of the program, or it was built for other libraries or another processor';
const asked = 'something on this machine asked it to end; tscompose why shows whether a command did';

const signals: { readonly [name: string]: Meaning } = {
  SIGHUP: { number: 1, means: 'its terminal hung up', remedy: asked },
  SIGINT: { number: 2, means: 'it was interrupted', remedy: asked },
  SIGQUIT: { number: 3, means: 'it was asked to end', remedy: asked },
  SIGILL: { number: 4, means: 'it met an instruction that this processor does not have', remedy: crash },
  SIGTRAP: { number: 5, means: 'it met a breakpoint, or a check in the program did not hold', remedy: crash },
  SIGABRT: { number: 6, means: 'it aborted itself because something was badly wrong' },
  SIGBUS: {
    number: 7,
    means: 'it used memory whose file has no room for it',
    remedy: 'mostly /dev/shm is full: raise shm_size',
  },
  SIGFPE: { number: 8, means: 'it divided by zero', remedy: crash },
  SIGKILL: {
    number: 9,
    means: 'somebody killed it, and not for its own memory limit',
    remedy: 'the machine may have been out of memory (dmesg tells); tscompose why shows whether a command did it',
  },
  SIGSEGV: { number: 11, means: 'it used memory that is not its own', remedy: crash },
  SIGPIPE: { number: 13, means: 'it wrote to a pipe that nobody reads' },
  SIGTERM: { number: 15, means: 'it was asked to end', remedy: asked },
  SIGXCPU: { number: 24, means: 'it used up its limit of processor time', remedy: 'raise ulimits.cpu' },
  SIGXFSZ: { number: 25, means: 'it wrote a file larger than its limit', remedy: 'raise ulimits.fsize' },
  SIGSYS: {
    number: 31,
    means: 'it made a system call that it may not make',
    remedy: 'security_opt: [seccomp=unconfined] shows whether the seccomp profile forbids it',
  },
};
