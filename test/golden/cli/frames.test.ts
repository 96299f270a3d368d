import { expect, test } from 'vitest';
import { painter } from '../../../src/cli/render/color.ts';
import { diagnosticJson, renderDiagnostics } from '../../../src/cli/render/diagnostic.ts';
import type { Diagnostic } from '../../../src/model/diagnostic.ts';
import type { Origin, SourceFile } from '../../../src/model/source.ts';

const plain = { paint: painter(false), width: 80 };

function at(file: SourceFile, needle: string, nth = 0): Origin {
  let start = file.text.indexOf(needle);
  for (let skipped = 0; skipped < nth; skipped++) start = file.text.indexOf(needle, start + 1);
  if (start === -1) throw new Error(`"${needle}" is not in ${file.path}`);
  return { file, range: { start, end: start + needle.length } };
}

function problem(subject: Origin | undefined, more: Partial<Diagnostic> = {}): Diagnostic {
  const diagnostic = { code: 'bad-value', severity: 'error', summary: 'cannot use this', notes: [], ...more } as const;
  return subject === undefined ? diagnostic : { ...diagnostic, subject };
}

const shop: SourceFile = {
  path: 'stack.yml',
  text: 'name: shop\nservices:\n  web:\n    command: serve\n    volums:\n      - ./data:/data\n    volumes: []\n    volumes: []\n',
};

test('one mistake shows its line, a mark under exactly the culprit, and the remedy', async () => {
  const unknown = problem(at(shop, 'volums'), {
    code: 'unknown-key',
    summary: 'service "web" has no setting "volums"',
    notes: [{ text: 'did you mean "volumes"?' }],
  });
  await expect(renderDiagnostics([unknown], plain)).toMatchFileSnapshot('./frames/one.txt');
});

test('a second place that takes part is shown too', async () => {
  const duplicate = problem(at(shop, 'volumes', 1), {
    code: 'yaml-duplicate-key',
    summary: '"volumes" is set twice',
    notes: [{ text: 'first set here', origin: at(shop, 'volumes') }, { text: 'keep one of them' }],
  });
  await expect(renderDiagnostics([duplicate], plain)).toMatchFileSnapshot('./frames/two-places.txt');
});

test('several mistakes come in the order of the file, those without a place first', async () => {
  const env: SourceFile = { path: 'web.env', text: 'A=1\nB\n' };
  const list = [
    problem(at(shop, './data:/data'), { summary: 'third' }),
    problem(at(env, 'B'), { summary: 'fourth, in another file' }),
    problem(at(shop, 'shop'), { summary: 'second', severity: 'warning', code: 'obsolete' }),
    problem(undefined, { summary: 'first', code: 'file-missing', notes: [{ text: 'write one' }] }),
  ];
  await expect(renderDiagnostics(list, plain)).toMatchFileSnapshot('./frames/several.txt');
});

test('wide characters, tabs and combining marks keep the mark under its word', async () => {
  const file: SourceFile = { path: 'wide.yml', text: 'x: 日本語 wrong\n\ty: \twrong\nz: é👩‍💻 wrong\n' };
  const list = [0, 1, 2].map((nth) => problem(at(file, 'wrong', nth)));
  await expect(renderDiagnostics(list, plain)).toMatchFileSnapshot('./frames/wide.txt');
});

test('a long line is cut around the culprit', async () => {
  const file: SourceFile = {
    path: 'long.yml',
    text: `${'a'.repeat(500)} wrong ${'b'.repeat(500)}\nwrong ${'c'.repeat(200)}\n${'d'.repeat(200)} wrong\n${'e'.repeat(300)}\n`,
  };
  const list = [0, 1, 2].map((nth) => problem(at(file, 'wrong', nth)));
  const all = [...list, problem(at(file, 'e'.repeat(300)))];
  const text = renderDiagnostics(all, plain);
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  await expect(text).toMatchFileSnapshot('./frames/long.txt');
});

test('control characters of the file never reach the terminal', async () => {
  const file: SourceFile = { path: 'evil\x1b[2J.yml', text: 'a: \x1b[31mred\x07\u202e wrong\r\n' };
  const evil = problem(at(file, 'wrong'), {
    summary: 'odd \x1b]0;title\x07',
    notes: [{ text: 'a\x1bb\nsecond line' }],
  });
  await expect(renderDiagnostics([evil], plain)).toMatchFileSnapshot('./frames/control.txt');
});

test('an empty range, a range over several lines and one past the end each get a mark', async () => {
  const file: SourceFile = { path: 'edge.yml', text: 'a:\nb: [1,\n  2]\nlast' };
  const list = [
    problem({ file, range: { start: 2, end: 2 } }, { summary: 'nothing is there' }),
    problem({ file, range: { start: 6, end: 15 } }, { summary: 'goes on below' }),
    problem({ file, range: { start: 99, end: 99 } }, { summary: 'the file ends too early' }),
  ];
  await expect(renderDiagnostics(list, plain)).toMatchFileSnapshot('./frames/edge.txt');
});

test('line numbers of different length share one gutter', async () => {
  const file: SourceFile = { path: 'tall.yml', text: `first\n${'\n'.repeat(120)}second\n` };
  const tall = problem(at(file, 'second'), { notes: [{ text: 'and this', origin: at(file, 'first') }] });
  await expect(renderDiagnostics([tall], plain)).toMatchFileSnapshot('./frames/gutter.txt');
});

test('a flood of mistakes is cut and counted', () => {
  const flood = Array.from({ length: 60 }, () => problem(at(shop, 'shop')));
  const text = renderDiagnostics(flood, plain);
  expect(text.match(/cannot use this/g)).toHaveLength(50);
  expect(text.endsWith('\nand 10 more problems\n')).toBe(true);
});

test('colours mark the kind and the culprit, and end where they should', () => {
  const text = renderDiagnostics([problem(at(shop, 'shop'))], { paint: painter(true), width: 80 });
  expect(text).toContain('\x1b[1;31merror[bad-value]\x1b[0m\x1b[1m: cannot use this\x1b[0m');
  expect(text).toContain('\x1b[1;31m^^^^\x1b[0m');
});

test('as JSON a diagnostic is one flat object', () => {
  expect(diagnosticJson(problem(at(shop, 'volums'), { notes: [{ text: 'did you mean "volumes"?' }] }))).toEqual({
    severity: 'error',
    code: 'bad-value',
    message: 'cannot use this',
    file: 'stack.yml',
    line: 5,
    column: 5,
    hint: 'did you mean "volumes"?',
  });
});
