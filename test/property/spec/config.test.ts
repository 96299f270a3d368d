import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configData, configJson, configYaml } from '../../../src/project/config-out.ts';
import { goldenTexts } from '../../support/golden-cases.ts';
import { loadText } from '../../support/load.ts';
import { root } from '../../support/tree.ts';

const environment = { S: 'secret', A: '1', N: '3' };
const loadStack = (text: string) => loadText(text, { environment, runnable: false });

/** The lines of the golden cases of valid keys: each is one key of a service with a value. */
const keyLines = readFileSync(join(root, 'test/golden/spec/keys-valid.golden'), 'utf8')
  .split(/^(?==== )/m)
  .flatMap((block) => {
    const key = /^=== ([^:]+):/.exec(block)?.[1];
    const line = block
      .split('\n')
      .filter((each) => key !== undefined && each.startsWith(`    ${key}: `))
      .at(-1);
    return line === undefined || key === undefined ? [] : [{ key, line }];
  });

const rest =
  '  b: {image: y}\nnetworks: {n1: , n2: }\nvolumes: {v: }\nconfigs: {c: {content: "$$x"}}\nsecrets: {s: {environment: S}}\nmodels: {m: {model: x}}\n';

/** One service with any of the valid keys. */
const stacks = fc
  .uniqueArray(fc.constantFrom(...keyLines), { selector: ({ key }) => key, minLength: 1, maxLength: 25 })
  .map((lines) => `services:\n  a:\n${lines.map(({ line }) => `${line}\n`).join('')}${rest}`);

function fixedPoint(text: string): boolean {
  const first = loadStack(text);
  if (first.stack === undefined || first.diagnostics.some(({ severity }) => severity === 'error')) return false;
  const yaml = configYaml(first.stack);
  const second = loadStack(yaml);
  expect(second.diagnostics.filter(({ severity }) => severity === 'error').map(({ summary }) => summary)).toEqual([]);
  expect(configYaml(second.stack!)).toBe(yaml);
  const json = configJson(first.stack);
  const third = loadStack(json);
  expect(JSON.parse(configJson(third.stack!))).toEqual(JSON.parse(json));
  return true;
}

describe('config', () => {
  test('prints every golden stack so that loading it prints the same', () => {
    const loadable = goldenTexts().filter(fixedPoint);
    expect(loadable.length).toBeGreaterThan(300);
  });

  test('prints any mixture of keys so that loading it prints the same', () => {
    let loadable = 0;
    fc.assert(
      fc.property(stacks, (text) => {
        if (fixedPoint(text)) loadable += 1;
      }),
      { numRuns: 500 },
    );
    expect(loadable).toBeGreaterThan(100);
  }, 120_000);

  test('leaves no trace of the order of keys', () => {
    const shuffled = fc
      .uniqueArray(fc.constantFrom(...keyLines), { selector: ({ key }) => key, minLength: 2, maxLength: 10 })
      .chain((lines) => fc.tuple(fc.constant(lines), fc.shuffledSubarray(lines, { minLength: lines.length })));
    const text = (lines: readonly { readonly line: string }[]) =>
      `services:\n  a:\n${lines.map(({ line }) => `${line}\n`).join('')}${rest}`;
    fc.assert(
      fc.property(shuffled, ([lines, other]) => {
        const [a, b] = [loadStack(text(lines)), loadStack(text(other))];
        const data = ({ stack }: typeof a) => stack && configData(stack, { format: 'json' });
        expect(data(a)).toEqual(data(b));
        expect(JSON.stringify(a.project?.services.map(({ config }) => config))).toBe(
          JSON.stringify(b.project?.services.map(({ config }) => config)),
        );
      }),
      { numRuns: 200 },
    );
  }, 120_000);
});
