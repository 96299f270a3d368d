/** What is to be said after all that had been written to the logs by then: how a container has ended, after its last words. */
export class Notes {
  #waiting: (() => void)[] = [];
  /** Set by whoever reads the logs. */
  onAdd: () => void = () => {};

  add(say: () => void): void {
    this.#waiting.push(say);
    this.onAdd();
  }

  /** The answer says what has been added until now, since the last time. */
  take(): () => void {
    const due = this.#waiting.splice(0);
    return () => {
      for (const say of due) say();
    };
  }
}
