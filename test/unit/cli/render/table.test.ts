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

test('in a narrow terminal the columns that may yield do so, and the others stay whole', () => {
  const titles = ['NAME', 'COMMAND', 'STATUS'];
  const rows = [['web-1', 'sh -c echo something long', 'Exited (137, out of memory)']];
  const narrow = renderTable(titles, rows, { paint, width: 46, yielding: ['COMMAND'] });
  expect(narrow).toBe('NAME   COMMAND     STATUS\nweb-1  sh -c ech…  Exited (137, out of memory)\n');
  const wide = renderTable(titles, rows, { paint, width: 80, yielding: ['COMMAND'] });
  expect(wide).toContain('sh -c echo something long  Exited');
  const tiny = renderTable(titles, rows, { paint, width: 30, yielding: ['COMMAND'] });
  expect(tiny).toBe('NAME   COMMAND  STATUS\nweb-1  sh -c …  Exited (137, o\n');
});
