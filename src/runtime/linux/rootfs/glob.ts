import { existsSync, readdirSync } from 'node:fs';

/**
 * Existing paths that an absolute pattern stands for; `*` matches within one component and no leading dot. Names are
 * sorted so that numbers count: `9` before `15`.
 */
export function expandGlob(pattern: string): readonly string[] {
  if (!pattern.includes('*')) return existsSync(pattern) ? [pattern] : [];
  let found: readonly string[] = [''];
  for (const component of pattern.split('/').slice(1)) {
    found = component.includes('*')
      ? found.flatMap((directory) => matching(directory, component))
      : found.map((directory) => `${directory}/${component}`);
  }
  return found.filter((path) => existsSync(path));
}

function matching(directory: string, component: string): readonly string[] {
  const expression = new RegExp(`^${component.split('*').map(escapeRegExp).join('.*')}$`);
  return listNames(directory || '/')
    .filter((name) => !name.startsWith('.') && expression.test(name))
    .sort(byNumber)
    .map((name) => `${directory}/${name}`);
}

export const escapeRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const byNumber = (a: string, b: string): number => {
  const [left, right] = [a, b].map((name) => Number(/\d+/.exec(name)?.[0] ?? 0)) as [number, number];
  return left - right || (a < b ? -1 : 1);
};

/** Empty when the directory is not there or may not be read. */
export function listNames(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
