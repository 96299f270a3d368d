import { afterAll, beforeAll, expect } from 'vitest';
import { eventually } from './eventually.ts';
import { added, census, type Traces, tracesOf } from './leaks.ts';
import { openedProjects } from './scenario.ts';

// Runs around every scenario file: when it ends, nothing on the machine bears the name of its projects. Where nothing else
// makes containers, what has no name is counted as well. The kernel takes some things away in its own time.

let before: Traces = {};
const alone = process.env['TSCOMPOSE_TEST_ALONE'] === '1';

beforeAll(() => {
  before = alone ? census() : {};
});

afterAll(async () => {
  const check = () => {
    expect(added({}, tracesOf(openedProjects)), 'left behind').toEqual([]);
    if (alone) expect(added(before, census()), 'left behind, by count').toEqual([]);
  };
  // No second try mends a hook that has failed, and what is left for good is so after any time.
  await eventually(check, { withinMs: 30_000 });
});
