import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goldenTexts } from '../../support/golden-cases.ts';
import { loadText } from '../../support/load.ts';

const texts = goldenTexts();

/** Pieces that change what YAML around them means. */
const pieces = fc.constantFrom(
  ...[
    '\t',
    '\n',
    '  ',
    ': ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&a ',
    '*a',
    '<<: *a',
    '!reset ',
    '!override ',
    '#',
    '|',
    '>',
    '%',
    '---\n',
    '...\n',
  ],
  ...[
    '${',
    '${A',
    '}',
    '$$',
    '$A',
    '\r',
    '\u{0}',
    '\u{feff}',
    '\u{d800}',
    '~',
    'null',
    '0777',
    '1e999',
    '.nan',
    '-0',
    '__proto__',
    'constructor',
    '999999999999999999999',
  ],
);

const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 0, max: 20 }),
  put: fc.oneof(pieces, fc.string({ maxLength: 5 }), fc.constant('')),
  copyFrom: fc.double({ min: 0, max: 1, noNaN: true }),
  copy: fc.integer({ min: 0, max: 60 }),
});

const mutated = fc
  .tuple(fc.constantFrom(...texts), fc.array(mutation, { minLength: 1, maxLength: 6 }))
  .map(([text, mutations]) =>
    mutations.reduce((now, { at, length, put, copyFrom, copy }) => {
      const index = Math.floor(at * now.length);
      const from = Math.floor(copyFrom * now.length);
      return now.slice(0, index) + put + now.slice(from, from + copy) + now.slice(index + length);
    }, text),
  );

/** Loading must end with a project or with errors, whatever it gets; never with an exception or with neither. */
function load(text: string | Uint8Array): void {
  const started = performance.now();
  const { project, diagnostics } = loadText(text, { environment: { A: 'a' } });
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  expect(project === undefined).toBe(failed);
  for (const { subject } of diagnostics) {
    if (subject === undefined) continue;
    expect(subject.range.start).toBeGreaterThanOrEqual(0);
    expect(subject.range.end).toBeLessThanOrEqual(subject.file.text.length + 1);
    expect(subject.range.end).toBeGreaterThanOrEqual(subject.range.start);
  }
  expect(performance.now() - started).toBeLessThan(5000);
}

describe('loading', () => {
  test('survives 7,000 mutated stack files', () => {
    fc.assert(fc.property(mutated, load), { numRuns: 7000 });
  }, 300_000);

  test('survives 2,000 random texts', () => {
    const random = fc.array(
      fc.oneof(pieces, fc.string({ maxLength: 8 }), fc.constantFrom('services:', 'image: x', 'a:')),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(
        random.map((parts) => parts.join('')),
        load,
      ),
      { numRuns: 2000 },
    );
  }, 300_000);

  test('survives 1,000 files of random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), load), { numRuns: 1000 });
  }, 300_000);
});
