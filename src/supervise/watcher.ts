import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { watch } from 'chokidar';

/**
 * Hears of changes of a few files wherever they are: written in place, renamed over, made, removed, and behind symbolic
 * links. Their directories are watched, not they, because an editor that renames a new file over an old one would leave us
 * with a watch of nothing; never what is below. Only paths in directories that exist are heard of.
 */
export function watchFiles(
  paths: readonly string[],
  { onChange, onReady }: { readonly onChange: (path: string) => void; readonly onReady: () => void },
): { readonly close: () => Promise<void> } {
  const names = new Map<string, string>();
  for (const path of paths) {
    names.set(path, path);
    const real = realPath(path);
    if (real !== undefined && !names.has(real)) names.set(real, path);
  }
  const directories = new Set([...names.keys()].map((path) => dirname(path)));
  const watcher = watch([...directories], {
    depth: 0,
    ignoreInitial: true,
    ignored: (path) => !names.has(path) && !directories.has(path),
    // An editor's two steps are two events here: whoever listens gathers them.
    atomic: false,
  });
  watcher.on('all', (_event, path) => {
    const name = names.get(path);
    if (name !== undefined) onChange(name);
  });
  watcher.on('ready', onReady);
  watcher.on('error', () => {});
  return { close: () => watcher.close() };
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
