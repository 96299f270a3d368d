import { expect, test } from 'vitest';
import { painter } from '../../../../src/cli/render/color.ts';
import { renderTable } from '../../../../src/cli/render/table.ts';

const paint = painter(false);

test('columns are as wide as their widest cell, in columns of the terminal', () => {
  const rows = [
    ['web', '日本', 'up'],
    ['longer-name', '', ''],
  ];
  expect(renderTable(['NAME', 'X', 'STATUS'], rows, { paint, width: 80 })).toBe(
    'NAME         X     STATUS\nweb          日本  up\nlonger-name\n',
  );
});

test('no line is wider than the terminal, and no cell can move the cursor', () => {
  const text = renderTable(['NAME', 'STATUS'], [['a\x1b[2J', `up\n${'x'.repeat(50)}`]], { paint, width: 20 });
  expect(text).toBe('NAME   STATUS\na�[2J  up�xxxxxxxxxx\n');
});
