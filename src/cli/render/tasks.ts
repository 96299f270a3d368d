import { Listr, type ListrRenderer } from 'listr2';

/** A round of a plan as tasks: one for each row of the live view. */
export type Tasks = {
  /** The row has nothing left to do. */
  readonly settle: (subject: string) => void;
  /** The round is over, whatever is left. */
  readonly end: () => void;
};

/** Calls `redraw` every `everyMs` until all rows are settled. Only that: listr2 writes nothing itself, and hears no signal. */
export function runTasks(
  subjects: readonly string[],
  { redraw, everyMs }: { readonly redraw: () => void; readonly everyMs: number },
): Tasks {
  const waiting = new Map<string, () => void>();
  const settled = new Set<string>();
  let ended = false;
  let timer: NodeJS.Timeout | undefined;

  class Frames implements ListrRenderer {
    static readonly nonTTY = true;
    static readonly rendererOptions = {};
    static readonly rendererTaskOptions = {};
    render() {
      if (!ended) timer = setInterval(redraw, everyMs).unref();
    }
    end() {
      clearInterval(timer);
    }
  }

  const list = new Listr<unknown, typeof Frames, typeof Frames>(
    subjects.map((subject) => ({
      title: subject,
      task: () =>
        new Promise<void>((resolve) => {
          if (ended || settled.has(subject)) resolve();
          else waiting.set(subject, resolve);
        }),
    })),
    { concurrent: true, exitOnError: false, registerSignalListeners: false, renderer: Frames },
  );
  void list.run();
  return {
    settle: (subject) => {
      settled.add(subject);
      waiting.get(subject)?.();
    },
    end: () => {
      ended = true;
      clearInterval(timer);
      for (const resolve of waiting.values()) resolve();
    },
  };
}
