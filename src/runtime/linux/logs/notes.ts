type Note = { readonly atMs: number; readonly say: () => void };

/** What is to be said after all that had been written to the logs by then: how a container has ended, after its last words. */
export class Notes {
  #waiting: readonly Note[] = [];
  /** Set by whoever reads the logs. */
  onAdd: () => void = () => {};

  add(say: () => void): void {
    this.#waiting = [...this.#waiting, { atMs: Date.now(), say }];
    this.onAdd();
  }

  /** The answer says what has been added until now, and not been said meanwhile. */
  take(): () => void {
    const due = new Set(this.#waiting);
    return () => this.#say((note) => due.has(note));
  }

  /** What is read next was written at `timeMs`, which others may go on with for ever. */
  sayBefore(timeMs: number): void {
    if (this.#waiting.length > 0) this.#say(({ atMs }) => atMs < timeMs);
  }

  #say(isDue: (note: Note) => boolean): void {
    const due = this.#waiting.filter(isDue);
    this.#waiting = this.#waiting.filter((note) => !due.includes(note));
    for (const { say } of due) say();
  }
}
