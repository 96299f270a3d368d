import { expect, test } from 'vitest';
import { commandHelp, overview } from '../../../src/cli/help.ts';
import { commands } from '../../../src/cli/table.ts';

test('the overview shows every command, every global flag and every exit code', async () => {
  await expect(overview(100)).toMatchFileSnapshot('./help/overview.txt');
});

test.each(commands().map((command) => command.name))('the help of %s is as agreed', async (name) => {
  const spec = commands().find((command) => command.name === name)!;
  await expect(commandHelp(spec, 100)).toMatchFileSnapshot(`./help/${name}.txt`);
});

test('no line of any help is wider than the terminal', () => {
  const texts = [overview(80), ...commands().map((command) => commandHelp(command, 80))];
  expect(texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 80)).toEqual([]);
});
