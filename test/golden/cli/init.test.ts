import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../support/scenario.ts';

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(join(tmpdir(), 'tsc-init-'));
});
afterAll(() => rmSync(cwd, { recursive: true }));

test('init writes a stack file that has no mistakes, named after its directory', async () => {
  expect(await runCli(['init', 'My App.v2'], { cwd })).toMatchObject({
    code: 0,
    stdout: 'wrote My App.v2/stack.yml\nnext: cd "My App.v2" && tscompose up\n',
  });
  const checked = await runCli(['config', '--services'], { cwd: join(cwd, 'My App.v2') });
  expect(checked).toMatchObject({ code: 0, stdout: 'visitor\nweb\n', stderr: '' });
  expect(readFileSync(join(cwd, 'My App.v2/stack.yml'), 'utf8')).toContain('\nname: myappv2\n');
});

test('its first line names the schema, beside the file when the package is installed there', async () => {
  const schemaOf = (directory: string) =>
    /^# yaml-language-server: \$schema=(.*)\n/.exec(readFileSync(join(cwd, directory, 'stack.yml'), 'utf8'))?.[1] ?? '';
  await runCli(['init', 'plain'], { cwd });
  expect(existsSync(schemaOf('plain'))).toBe(true);
  expect(basename(schemaOf('plain'))).toBe('schema.json');
  mkdirSync(join(cwd, 'local/node_modules/tscompose'), { recursive: true });
  writeFileSync(join(cwd, 'local/node_modules/tscompose/schema.json'), '{}');
  await runCli(['init', 'local'], { cwd });
  expect(schemaOf('local')).toBe('./node_modules/tscompose/schema.json');
});

test('nothing is overwritten', async () => {
  mkdirSync(join(cwd, 'taken'));
  writeFileSync(join(cwd, 'taken/compose.yaml'), 'services: {}\n');
  const run = await runCli(['init', 'taken'], { cwd });
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('taken/compose.yaml is already there') });
  expect(existsSync(join(cwd, 'taken/stack.yml'))).toBe(false);
});

test('a place that cannot be written to is an error with its reason', async () => {
  writeFileSync(join(cwd, 'file'), '');
  const run = await runCli(['init', 'file/below'], { cwd });
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot write file/below/stack.yml: ENOTDIR') });
});
