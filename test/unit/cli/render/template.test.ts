import { expect, test } from 'vitest';
import { readTemplate } from '../../../../src/cli/render/template.ts';

const known = ['Name', 'RunningFor', 'Publishers', 'ExitCode'];
const row = { Name: 'shop-web-1', RunningFor: '3 minutes ago', Publishers: [{ TargetPort: 80 }], ExitCode: 0 };

function lineOf(text: string): string {
  const template = readTemplate(text, known);
  if (!template.ok) throw new Error(template.error.message);
  return template.value.line(row);
}

test('fields, JSON and escapes come as docker compose prints them', () => {
  expect(lineOf('{{.Name}}')).toBe('shop-web-1');
  expect(lineOf('{{ .Name }}\\t{{.ExitCode}}')).toBe('shop-web-1\t0');
  expect(lineOf('{{json .Name}} {{json .Publishers}}')).toBe('"shop-web-1" [{"TargetPort":80}]');
  expect(JSON.parse(lineOf('{{json .}}'))).toEqual(row);
});

test('a table has titles from the names of its fields', () => {
  const template = readTemplate('table {{.Name}}\\t{{.RunningFor}}', known);
  expect(template.ok && template.value.table?.titles).toEqual(['NAME', 'RUNNING FOR']);
  expect(template.ok && template.value.table?.cells(row)).toEqual(['shop-web-1', '3 minutes ago']);
});

test('what is not a field, or not understood, is refused with what there is', () => {
  expect(readTemplate('{{.Nmae}}', known)).toEqual({
    ok: false,
    error: { message: 'there is no field .Nmae', hint: 'did you mean .Name?' },
  });
  expect(readTemplate('{{range .Publishers}}{{end}}', known)).toMatchObject({
    ok: false,
    error: { message: '"{{range .Publishers}}" is not understood in a format' },
  });
});
