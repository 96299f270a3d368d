import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { stackFileNames } from '../../../src/project/lookup.ts';
import { runCli } from '../../support/scenario.ts';

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-'));
});

beforeEach(() => {
  rmSync(join(directory, 'project'), { recursive: true, force: true });
  mkdirSync(join(directory, 'project/deep/er'), { recursive: true });
});

afterAll(() => rmSync(directory, { recursive: true }));

const stack = (...services: string[]) =>
  JSON.stringify({ services: Object.fromEntries(services.map((name) => [name, { rootfs: '/srv', command: 'x' }])) });
const write = (name: string, ...services: string[]) =>
  writeFileSync(join(directory, 'project', name), stack(...services));

/** Names of the services that are found from a directory below the project's. */
async function servicesFrom(below: string, args: readonly string[] = [], options = {}) {
  const cwd = join(directory, 'project', below);
  const run = await runCli([...args, 'config', '--services'], { cwd, ...options });
  return { ...run, services: run.stdout.trim().split('\n') };
}

test('the stack file is looked for by its names in their order, and the others are mentioned', async () => {
  expect(stackFileNames.slice(0, 5)).toEqual([
    'stack.yml',
    'stack.yaml',
    'compose.yaml',
    'compose.yml',
    'docker-compose.yml',
  ]);
  for (const [i, name] of [...stackFileNames.entries()].reverse()) {
    write(name, `of-${i}`);
    const { services, stderr } = await servicesFrom('');
    expect(services).toEqual([`of-${i}`]);
    if (i < stackFileNames.length - 1) expect(stderr).toContain(`${name} is used, ${stackFileNames[i + 1]}`);
  }
});

test('it is looked for upwards, and the nearest directory wins', async () => {
  write('compose.yml', 'above');
  expect((await servicesFrom('deep/er')).services).toEqual(['above']);
  writeFileSync(join(directory, 'project/deep/docker-compose.yml'), stack('near'));
  expect((await servicesFrom('deep/er')).services).toEqual(['near']);
});

test('an override file beside it is merged, and several -f are merged in their order', async () => {
  write('stack.yml', 'one');
  write('stack.override.yml', 'two');
  write('other.yml', 'three');
  expect((await servicesFrom('')).services).toEqual(['one', 'two']);
  expect((await servicesFrom('', ['-f', 'stack.yml', '-f', 'other.yml'])).services).toEqual(['one', 'three']);
  const hostnames = { services: { one: { hostname: 'last' } } };
  writeFileSync(join(directory, 'project/last.yml'), JSON.stringify(hostnames));
  const first = { services: { one: { rootfs: '/srv', command: 'x', hostname: 'first' } } };
  writeFileSync(join(directory, 'project/first.yml'), JSON.stringify(first));
  for (const files of [
    ['first', 'last'],
    ['last', 'first'],
  ]) {
    const args = files.flatMap((name) => ['-f', `${name}.yml`]);
    const { stdout } = await runCli([...args, 'config', '--format', 'json'], { cwd: join(directory, 'project') });
    expect(JSON.parse(stdout).services.one.hostname).toBe(files[1]);
  }
});

test('- is standard input, alone or with others', async () => {
  write('stack.yml', 'one');
  expect((await servicesFrom('', ['-f', '-'], { input: stack('typed') })).services).toEqual(['typed']);
  const both = await servicesFrom('deep', ['-f', '../stack.yml', '-f', '-'], { input: stack('typed') });
  expect(both.services).toEqual(['one', 'typed']);
});

test('where there is none, it says what it has looked for, and how to begin', async () => {
  const { code, stderr } = await servicesFrom('deep');
  expect(code).toBe(3);
  expect(stderr).toContain('no stack file in');
  for (const name of [...stackFileNames, '-f FILE', 'tscompose init']) expect(stderr).toContain(name);
});
