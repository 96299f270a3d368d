import { expect, test } from 'vitest';
import { complete } from '../../../src/cli/complete.ts';
import { completionScripts } from '../../../src/cli/completion-scripts.ts';

/** What could stand in place of the last word: everything after `tscompose`, which may end in a blank. */
const at = (line: string) => complete(line.split(' '));
const words = (line: string) => at(line).words.map(([word]) => word);

test('the first word is a command, and hidden ones are not offered', () => {
  expect(words('lo')).toEqual(['logs']);
  expect(words('')).toEqual(expect.arrayContaining(['up', 'down', 'exec']));
  expect(words('_')).toEqual([]);
});

test('flags are those of the command and the global ones that it has not taken', () => {
  expect(words('up --no-st')).toEqual(['--no-start']);
  expect(words('logs --pro')).toEqual(expect.arrayContaining(['--project-name', '--profile', '--progress']));
  expect(words('--project-n')).toEqual(['--project-name']);
});

test('arguments and values are completed as the table says', () => {
  expect([at('exec we').wants, at('cp a').wants, at('kill -s ').wants, at('-p ').wants, at('-f ').wants]).toEqual([
    'service',
    'file',
    'signal',
    'project',
    'file',
  ]);
  expect(words('--progress pl')).toEqual(['plain']);
  expect(words('--progress=pl')).toEqual(['--progress=plain']);
  expect(at('--project-name=x')).toMatchObject({ wants: 'project', prefix: '--project-name=' });
});

test('the first argument and those that follow are told apart', () => {
  expect(at('exec web l').wants).toBe('file');
  expect(words('exec web ls --')).toEqual([]);
  expect(at('restart web d').wants).toBe('service');
  expect(words('help lo')).toEqual(['logs']);
});

test('a letter with its value, or the value of a flag, is no argument', () => {
  expect(at('exec -u root -e A=B ').wants).toBe('service');
  expect(at('exec -uroot ').wants).toBe('service');
  expect(at('logs -fn 5 ').wants).toBe('service');
});

test('after -- there are no flags', () => {
  expect(words('up -- --no')).toEqual([]);
  expect(at('up -- we').wants).toBe('service');
});

test('what was said about the project is passed on', () => {
  const { globals } = at('-f a.yml -p shop logs --file b.yml -f ');
  expect([globals.get('file'), globals.get('project-name')]).toEqual([['a.yml', 'b.yml'], ['shop']]);
});

test('each shell has a script that asks the hidden command', () => {
  expect(Object.keys(completionScripts)).toEqual(['bash', 'zsh', 'fish']);
  for (const script of Object.values(completionScripts)) expect(script).toContain('__complete --');
});
