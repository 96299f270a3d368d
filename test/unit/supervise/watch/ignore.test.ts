import { describe, expect, it } from 'vitest';
import { canPrune, compileIgnore } from '../../../../src/supervise/watch/ignore.ts';

const cases: readonly (readonly [patterns: readonly string[], path: string, ignored: boolean])[] = [
  [['*.log'], 'a.log', true],
  [['*.log'], 'dir/a.log', false],
  [['**/*.log'], 'dir/sub/a.log', true],
  [['**/*.log'], 'a.log', true],
  [['node_modules'], 'node_modules/x/y.js', true],
  [['node_modules'], 'a/node_modules/x', false],
  [['**/node_modules'], 'a/node_modules/x', true],
  [['/dist/'], 'dist/a', true],
  [['./dist'], 'dist', true],
  [['a/**/b'], 'a/b', true],
  [['a/**/b'], 'a/x/y/b', true],
  [['a/**'], 'a', false],
  [['a/**'], 'a/x', true],
  [['*', '!keep'], 'other', true],
  [['*', '!keep'], 'keep', false],
  [['*', '!keep'], 'keep/inside', false],
  [['!keep', '*'], 'keep', true],
  [['temp?'], 'temp1', true],
  [['temp?'], 'temp', false],
  [['file[0-9].txt'], 'file7.txt', true],
  [['file[^0-9].txt'], 'file7.txt', false],
  [['file[^0-9].txt'], 'filex.txt', true],
  [['a\\*b'], 'a*b', true],
  [['a\\*b'], 'axb', false],
  [['# comment', '', '  '], '# comment', false],
  [['a.b'], 'axb', false],
  [['[oops'], '[oops', true],
  [['x/../y'], 'y/z', true],
  [['été'], 'été/x', true],
];

describe('ignore patterns', () => {
  it.each(cases)('%j on %s is %s', (patterns, path, ignored) => {
    expect(compileIgnore(patterns)(path)).toBe(ignored);
  });

  it('prunes a directory only when no line can take something back', () => {
    expect(canPrune(['a', 'b'])).toBe(true);
    expect(canPrune(['a', ' !a/b'])).toBe(false);
  });
});
