import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { configJson, configYaml } from '../../../src/project/config-out.ts';
import { loadText } from '../../support/load.ts';

/* One file with every form that the normal form writes in another way; what comes out is in normal-form.txt. */

const text = readFileSync(new URL('normal-form.yml', import.meta.url), 'utf8');
const more = { 'app.env': 'A=1\n', 'sec.txt': 's\n' };
const load = (from: string) => {
  const { stack, diagnostics } = loadText(from, { more, runnable: false });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return stack!;
};

describe('the normal form', () => {
  const stack = load(text);
  const data = JSON.parse(configJson(stack));
  const { web, db } = data.services;

  test('of every form is as it is written down', async () => {
    await expect(configJson(stack)).toMatchFileSnapshot('./normal-form.txt');
  });

  test('is the same again when it is read again', () => {
    expect(configYaml(load(configYaml(stack)))).toBe(configYaml(stack));
    expect(configJson(load(configJson(stack)))).toBe(configJson(stack));
  });

  test('always has a command and an entrypoint, null where nothing is said', () => {
    expect([web.entrypoint, db.command, db.entrypoint]).toEqual([null, null, []]);
  });

  test('doubles dollar signs, so that it can be read again', () => {
    expect([web.command[2], web.environment.S, data.configs.c.content]).toEqual(['$$HOME', 'x$$y', 'hi $$ there']);
  });

  test('has env files in the environment, which is a map of texts', () => {
    expect(web.env_file).toBeUndefined();
    expect(web.environment).toEqual({ A: '1', N: null, S: 'x$$y', Y: 'true', Z: '1.1' });
  });

  test('has sizes as decimal texts, durations as Go prints them and modes in octal', () => {
    expect([web.mem_limit, web.memswap_limit, web.stop_grace_period]).toEqual(['536870912', '-1', '1m30s']);
    expect([web.configs[0].mode, web.volumes[3].tmpfs.mode]).toEqual(['0440', '0700']);
  });

  test('leaves out what no service uses, and services of other tools in JSON', () => {
    expect([Object.keys(data.networks), Object.keys(data.volumes), Object.keys(data.secrets)]).toEqual([
      ['back', 'default'],
      ['v'],
      ['s'],
    ]);
    expect([web['x-own'], data.models, data['x-top']]).toEqual([undefined, undefined, [1]]);
    expect(configYaml(stack)).toContain('x-own');
  });

  test('never shows what is in a secret', () => {
    expect(data.secrets.s).toEqual({ file: '/work/p/sec.txt', name: 'norm_s' });
  });
});
