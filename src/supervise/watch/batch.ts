import { posix } from 'node:path';
import type { Hook, WatchRule } from '../../model/project.ts';
import type { GuestPath, HostPath, ServiceName } from '../../model/units.ts';
import { canPrune, compileIgnore, type PathFilter } from './ignore.ts';

/** A path that changed, and what is there now. */
export type Change = {
  readonly path: HostPath;
  readonly now: 'there' | 'gone';
  /** Nothing was there before. */
  readonly fresh?: true;
};

/** What one batch of changes asks for in one service. */
export type WatchWork = {
  readonly service: ServiceName;
  /** Files and directories to bring into the container (or to remove there), each once. */
  readonly sync: readonly SyncItem[];
  readonly restart: boolean;
  /** Make the container anew from its rootfs source; stands for everything else. */
  readonly rebuild: boolean;
  /** Commands to run after the copy, each once. */
  readonly exec: readonly Hook[];
  /** The files that caused it, in order of appearance. */
  readonly causes: readonly HostPath[];
};

export type SyncItem = { readonly source: HostPath; readonly target: GuestPath; readonly now: Change['now'] };

/** A rule, and what is left out by the .dockerignore around its path. */
export type WatchedRule = WatchRule & {
  /** `below`: the rule's path relative to the directory of that file. */
  readonly around?: { readonly patterns: readonly string[]; readonly below: string };
};

export type WatchedService = { readonly name: ServiceName; readonly rules: readonly WatchedRule[] };

/**
 * What editors and tools write beside the file they mean: vim's swap files and its probe `4913`, emacs' locks and
 * autosaves, backups, JetBrains' temporaries. `.git` changes with every command and is never meant.
 */
export const editorLeavings = [
  '**/.git',
  '**/*.sw[px]',
  '**/4913',
  '**/*~',
  '**/.#*',
  '**/#*#',
  '**/*___jb_*___',
  '**/.goutputstream-*',
];

type CompiledRule = {
  readonly rule: WatchedRule;
  readonly matches: PathFilter;
};

/** Prepares the rules once; the result turns each batch of changes into work, services in the given order. */
export function planner(services: readonly WatchedService[]): (changes: readonly Change[]) => readonly WatchWork[] {
  const compiled = services.map(({ name, rules }) => ({ name, rules: rules.map(compileRule) }));
  return (changes) =>
    compiled.flatMap(({ name, rules }) => {
      const work = workOf(name, rules, changes);
      return work === undefined ? [] : [work];
    });
}

const compileRule = (rule: WatchedRule): CompiledRule => ({ rule, matches: matcher(rule) });

/** Whether a rule means a path, which is relative to its own. */
export function matcher(rule: WatchedRule): PathFilter {
  const ignored = ignoring(rule);
  const included = rule.include.length === 0 ? undefined : compileIgnore(rule.include);
  return (below) => !ignored(below) && included?.(below) !== false;
}

/** Whether a path, which is relative to the rule's own, is never meant. */
export function ignoring({ ignore, around }: WatchedRule): PathFilter {
  const own = compileIgnore([...editorLeavings, ...ignore]);
  if (around === undefined) return own;
  const outer = compileIgnore(around.patterns);
  return (below) => own(below) || outer(posix.join(around.below, below));
}

/** Whether what lies below an ignored directory is ignored for good. */
export const prunes = ({ ignore, around }: WatchedRule): boolean => canPrune([...ignore, ...(around?.patterns ?? [])]);

type Hit = { readonly change: Change; readonly rule: WatchRule; readonly below: string };

function workOf(
  service: ServiceName,
  rules: readonly CompiledRule[],
  changes: readonly Change[],
): WatchWork | undefined {
  const hits = changes.flatMap((change) => rules.flatMap((rule) => hitOf(change, rule)));
  if (hits.length === 0) return undefined;
  const causes = [...new Set(hits.map(({ change }) => change.path))];
  if (hits.some(({ rule }) => rule.action === 'rebuild'))
    return { service, sync: [], restart: false, rebuild: true, exec: [], causes };
  const restart = hits.some(({ rule }) => rule.action === 'restart' || rule.action === 'sync+restart');
  return { service, sync: syncItems(hits), restart, rebuild: false, exec: restart ? [] : commands(hits), causes };
}

function hitOf(change: Change, { rule, matches }: CompiledRule): readonly Hit[] {
  const below = relativeTo(rule.path, change.path);
  if (below === undefined) return [];
  return below === '' || matches(below) ? [{ change, rule, below }] : [];
}

function syncItems(hits: readonly Hit[]): readonly SyncItem[] {
  const items = new Map<string, SyncItem>();
  for (const { change, rule, below } of hits) {
    if (rule.target === undefined) continue;
    const target = (below === '' ? rule.target : posix.join(rule.target, below)) as GuestPath;
    items.set(target, { source: change.path, target, now: change.now });
  }
  return [...items.values()];
}

function commands(hits: readonly Hit[]): readonly Hook[] {
  const hooks = hits.flatMap(({ rule }) => (rule.action === 'sync+exec' && rule.exec ? [rule.exec] : []));
  return [...new Set(hooks)];
}

/** '' for the path itself, `a/b` for what lies below, undefined for everything else. */
function relativeTo(root: HostPath, path: HostPath): string | undefined {
  if (path === root) return '';
  const prefix = root.endsWith('/') ? root : `${root}/`;
  return path.startsWith(prefix) ? path.slice(prefix.length) : undefined;
}
