import type { ContainerName } from '../model/units.ts';
import type { LogLine } from './log-entry.ts';

type Held = { readonly lifeAtMs: number; readonly lines: LogLine[] };

/**
 * Tells the lines of an event log in the order of things. Who hears of an end is another than who has started the container,
 * and may be quicker: what is said of a life is held back until its start has been told.
 *
 *     ended (of life 7), left, create, start (of life 7)   →   create, start, ended, left
 */
export class TellingOrder {
  readonly #tell: (line: LogLine) => void;
  /** Whether the start of that life is still going to be told. */
  readonly #isComing: (container: ContainerName, lifeAtMs: number) => boolean;
  readonly #told = new Set<string>();
  readonly #held = new Map<ContainerName, Held>();

  constructor({
    tell,
    isComing,
  }: {
    readonly tell: (line: LogLine) => void;
    readonly isComing: (container: ContainerName, lifeAtMs: number) => boolean;
  }) {
    this.#tell = tell;
    this.#isComing = isComing;
  }

  get isHolding(): boolean {
    return this.#held.size > 0;
  }

  see(line: LogLine): void {
    const { container } = line;
    const held = this.#held.get(container);
    if (line.kind === 'step') {
      // A start that nobody has written down is not waited for beyond what was done to the container next.
      const isLater = line.action === 'stop' || line.action === 'remove' || startsAfter(line, held);
      if (isLater) this.#release(container);
      this.know(line);
      this.#tell(line);
      if (!isLater && line.lifeAtMs !== undefined) this.#release(container);
      return;
    }
    if (held !== undefined) {
      held.lines.push(line);
      return;
    }
    const lifeAtMs = lifeOf(line);
    const isAhead = lifeAtMs !== undefined && !this.#told.has(`${container} ${lifeAtMs}`);
    if (isAhead && this.#isComing(container, lifeAtMs)) this.#held.set(container, { lifeAtMs, lines: [line] });
    else this.#tell(line);
  }

  /** As if it had been told. */
  know(line: LogLine): void {
    if (line.kind === 'step' && line.lifeAtMs !== undefined) this.#told.add(`${line.container} ${line.lifeAtMs}`);
  }

  /** Tells what waits for a start that does not come. */
  settle(isComing: (container: ContainerName, lifeAtMs: number) => boolean = () => false): void {
    for (const [container, { lifeAtMs }] of [...this.#held]) {
      if (!isComing(container, lifeAtMs)) this.#release(container);
    }
  }

  #release(container: ContainerName): void {
    const held = this.#held.get(container);
    if (held === undefined) return;
    this.#held.delete(container);
    const [first, ...others] = held.lines;
    if (first !== undefined) this.#tell(first);
    for (const line of others) this.see(line);
  }
}

/** The same lines; what has been written ahead of the start it belongs to comes after it. */
export function inOrder(lines: readonly LogLine[]): readonly LogLine[] {
  const isWritten = startsIn(lines);
  const ordered: LogLine[] = [];
  const order = new TellingOrder({ tell: (line) => ordered.push(line), isComing: isWritten });
  for (const line of lines) order.see(line);
  order.settle();
  return ordered;
}

/** Whether the start of a life is among the lines. */
export function startsIn(lines: readonly LogLine[]): (container: ContainerName, lifeAtMs: number) => boolean {
  const starts = new Set<string>();
  for (const line of lines) {
    if (line.kind === 'step' && line.lifeAtMs !== undefined) starts.add(`${line.container} ${line.lifeAtMs}`);
  }
  return (container, lifeAtMs) => starts.has(`${container} ${lifeAtMs}`);
}

const startsAfter = (line: { readonly lifeAtMs?: number }, held: Held | undefined): boolean =>
  line.lifeAtMs !== undefined && held !== undefined && line.lifeAtMs > held.lifeAtMs;

/** A life that could not begin is known by the moment when that was found. */
function lifeOf(line: LogLine): number | undefined {
  if (line.kind === 'failed') return line.endedAtMs;
  return line.kind === 'started' || line.kind === 'ended' ? line.startedAtMs : undefined;
}
