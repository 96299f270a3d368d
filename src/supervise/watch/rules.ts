import { posix } from 'node:path';
import type { ContainerConfig, Mount, Project, WatchRule } from '../../model/project.ts';
import type { GuestPath, ServiceName } from '../../model/units.ts';
import type { WatchedRule, WatchedService } from './batch.ts';

export type EffectiveRules = {
  readonly services: readonly WatchedService[];
  /** What of the rules has no effect, and why. */
  readonly warnings: readonly { readonly message: string; readonly hint: string }[];
};

/**
 * The rules of the named services (none named: of all) that can have an effect. What lies on a bind mount needs no copying,
 * and copying would write to the host: such a rule keeps its restart or command, and loses its copy. `read` gives the text
 * of a file, undefined when there is none.
 */
export function effectiveRules(
  project: Project,
  names: readonly ServiceName[],
  read: (path: string) => string | undefined,
): EffectiveRules {
  const warnings: { readonly message: string; readonly hint: string }[] = [];
  const services = project.services.flatMap(({ name, watch, config }) => {
    if (watch === undefined || watch.length === 0 || (names.length > 0 && !names.includes(name))) return [];
    const rules = watch.map((written): WatchedRule => {
      const rule = withIgnoreFile(written, read);
      const obstacle = rule.target === undefined ? undefined : obstacleAt(config, rule.target);
      if (obstacle === undefined) return rule;
      const { target, ...untargeted } = rule;
      warnings.push({
        message: `${name}: ${rule.path} is not copied to ${target}: ${obstacle.why}`,
        hint: obstacle.hint,
      });
      return untargeted;
    });
    return [{ name, rules: rules.filter((rule) => rule.action !== 'sync' || rule.target !== undefined) }];
  });
  return { services: services.filter(({ rules }) => rules.length > 0), warnings };
}

function withIgnoreFile(rule: WatchRule, read: (path: string) => string | undefined): WatchedRule {
  const text = rule.context === undefined ? undefined : read(posix.join(rule.context, '.dockerignore'));
  if (rule.context === undefined || text === undefined) return rule;
  return { ...rule, around: { patterns: text.split('\n'), below: posix.relative(rule.context, rule.path) } };
}

type Obstacle = { readonly why: string; readonly hint: string };

function obstacleAt(config: ContainerConfig, target: GuestPath): Obstacle | undefined {
  const mount = mountOver(config.mounts, target);
  switch (mount?.kind) {
    case 'bind':
      return {
        why: `it lies on a bind mount of ${mount.source}`,
        hint: 'files on a bind mount are seen in the container at once; use action: restart, or take the mount out',
      };
    case 'file':
      return { why: 'it is a config or secret', hint: 'a change of its content is applied when the stack file is' };
    case 'volume':
    case 'tmpfs':
      return mount.readOnly ? { why: 'its mount is read-only', hint: 'take read_only off the mount' } : undefined;
    case undefined:
      return config.readOnly
        ? { why: "the container's root is read-only", hint: 'mount a volume or a tmpfs there, or take read_only off' }
        : undefined;
  }
}

/** The innermost mount that a path lies on. */
export function mountOver(mounts: readonly Mount[], path: string): Mount | undefined {
  const over = mounts.filter(
    ({ target }) => path === target || path.startsWith(target.endsWith('/') ? target : `${target}/`),
  );
  return over.sort((a, b) => b.target.length - a.target.length)[0];
}

/** Rules with the same root share its watch. */
export function rootsOf(services: readonly WatchedService[]): ReadonlyMap<WatchedRule['path'], readonly WatchedRule[]> {
  const roots = new Map<WatchedRule['path'], WatchedRule[]>();
  for (const { rules } of services)
    for (const rule of rules) roots.set(rule.path, [...(roots.get(rule.path) ?? []), rule]);
  return roots;
}
