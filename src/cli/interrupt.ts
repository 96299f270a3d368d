/** How often the user (or the system) has asked us to end. Until `release` the process does not die of it by itself. */
export type Interrupts = {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
  readonly first: AbortSignal;
  /** Aborted by the second. */
  readonly second: AbortSignal;
  /** As a shell counts the signal that came first, 128 and its number: 130, 143 or 129. */
  readonly exitCode: () => number;
  readonly release: () => void;
};

/**
 * As `catchInterrupts`, from the first look at any of it: a command that finds nothing to do has nothing to see to its end,
 * and making signals ready takes a twentieth of its time.
 */
export function catchWhenAsked(patience: 2 | 3): Interrupts {
  let caught: Interrupts | undefined;
  const catchNow = (): Interrupts => {
    caught ??= catchInterrupts(patience);
    return caught;
  };
  return {
    get first() {
      return catchNow().first;
    },
    get second() {
      return catchNow().second;
    },
    exitCode: () => catchNow().exitCode(),
    release: () => caught?.release(),
  };
}

const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * From here on signals are requests. At the `patience`-th one the process ends at once, for those who cannot wait for what
 * the earlier ones have begun.
 */
export function catchInterrupts(patience: 2 | 3): Interrupts {
  const first = new AbortController();
  const second = new AbortController();
  let code: number = codes.SIGINT;
  let count = 0;
  const onSignal = (signal: keyof typeof codes) => {
    count += 1;
    if (count === 1) {
      code = codes[signal];
      first.abort();
    }
    if (count === 2) second.abort();
    if (count === patience) process.exit(code);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    first: first.signal,
    second: second.signal,
    exitCode: () => code,
    release: () => {
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
