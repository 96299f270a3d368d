import { type Dirent, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { statOf } from '../../runtime/linux/files/host-stat.ts';
import { matcher, prunes, type SyncItem, type WatchedService } from './batch.ts';

/** Everything that the rules with `initial_sync` bring into a container that is new, parents first. */
export function initialItems({ rules }: WatchedService): readonly SyncItem[] {
  return rules.flatMap((rule) => {
    if (!rule.initialSync || rule.target === undefined) return [];
    const { path, target } = rule;
    const matches = matcher(rule);
    const isPruned = prunes(rule) && rule.include.length === 0;
    const items: SyncItem[] = [];
    const add = (below: string) => {
      const place = below === '' ? target : join(target, below);
      items.push({
        source: join(path, below) as SyncItem['source'],
        target: place as SyncItem['target'],
        now: 'there',
      });
    };
    const walk = (directory: string) => {
      for (const entry of list(join(path, directory))) {
        const below = join(directory, entry.name);
        const matched = matches(below);
        if (matched) add(below);
        if (entry.isDirectory() && (matched || !isPruned) && entry.name !== '.git') walk(below);
      }
    };
    const found = statOf(path);
    if (found?.isDirectory()) walk('');
    else if (found !== undefined) add('');
    return items;
  });
}

function list(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    // It went away, or nobody may read it: there is nothing to copy.
    return [];
  }
}
