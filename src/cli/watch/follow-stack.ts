import type { StackSource } from './stack-source.ts';

/** How long the files of the stack must be left alone before they are read: an editor may save in several steps. */
const quietMs = 40;

/**
 * Calls `onChange` when files of the stack may have been saved; other files from then on, if it has read others. What was
 * saved between their last reading and the moment from which they are watched counts, too.
 */
export async function followStack(
  source: StackSource,
  onChange: () => Promise<void>,
): Promise<{ readonly close: () => Promise<void> }> {
  const { watchFiles } = await import('../../supervise/watcher.ts');
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const later = () => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void act(), quietMs);
  };
  const listen = (files: readonly string[]) => watchFiles(files, { onChange: later, onReady: later });
  let files = [...source.files().keys()];
  let watcher = listen(files);
  const act = async () => {
    await onChange();
    const next = [...source.files().keys()];
    if (closed || next.join('\0') === files.join('\0')) return;
    files = next;
    await watcher.close();
    watcher = listen(files);
  };
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
