import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../support/tree.ts';

type File = {
  readonly status: string;
  readonly assertionResults: readonly Result[];
};
type Result = { readonly status: string; readonly fullName: string; readonly failureMessages?: readonly string[] };

/** Exit code and last line of the counting script for a report and the exit code of the run that wrote it. */
function count(files: readonly File[] | undefined, code: number): [number | null, string | undefined] {
  const { status, lines } = said(files, code);
  return [status, lines.pop()];
}

function said(files: readonly File[] | undefined, code: number): { status: number | null; lines: string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'tscompose-count-'));
  const report = join(directory, 'report.json');
  writeFileSync(
    report,
    files === undefined ? '' : JSON.stringify({ testResults: files.map((f) => ({ name: 'file', ...f })) }),
  );
  const run = spawnSync(process.execPath, [join(root, '.ci/count.mjs'), report, String(code)], { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  return { status: run.status, lines: run.stdout.trimEnd().split('\n') };
}

/** A run of one file by Vitest as this project has it, and what is said of that. */
function runOf(content: string): { status: number | null; lines: string[] } {
  const directory = mkdtempSync(join(tmpdir(), 'tscompose-run-'));
  const report = join(directory, 'report.json');
  const { CI: _, ...rest } = process.env;
  const env = { ...rest, TSCOMPOSE_TEST_REPORT: report };
  try {
    mkdirSync(join(directory, 'test/unit'), { recursive: true });
    writeFileSync(join(directory, 'test/unit/one.test.ts'), content);
    for (const name of ['node_modules', 'vitest.config.ts']) symlinkSync(join(root, name), join(directory, name));
    const vitest = join(root, 'node_modules/vitest/vitest.mjs');
    const run = spawnSync(process.execPath, [vitest, 'run', '--project', 'core'], { cwd: directory, env });
    const said = spawnSync(process.execPath, [join(root, '.ci/count.mjs'), report, String(run.status)], {
      encoding: 'utf8',
    });
    return { status: said.status, lines: said.stdout.trimEnd().split('\n') };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const results = (...statuses: string[]) => statuses.map((status, i) => ({ status, fullName: `test ${i}` }));

describe('the last line of a run', () => {
  test('counts, and all is well when tests passed and none failed', () => {
    const files = [{ status: 'passed', assertionResults: results('passed', 'passed', 'skipped') }];
    expect(count(files, 0)).toEqual([0, '2 passed, 0 failed, 1 skipped']);
  });

  test('makes a failed test a failed run', () => {
    const files = [{ status: 'failed', assertionResults: results('passed', 'failed') }];
    expect(count(files, 1)).toEqual([1, '1 passed, 1 failed, 0 skipped']);
  });

  test('counts a file whose hooks failed or that could not be loaded', () => {
    const files = [
      { status: 'failed', assertionResults: [] },
      { status: 'failed', assertionResults: results('passed') },
    ];
    expect(count(files, 1)).toEqual([1, '1 passed, 2 failed, 0 skipped']);
  });

  test('is a failure when no test ran, when there is no report, and when the run itself failed', () => {
    expect(count([], 0)[0]).toBe(1);
    expect(count([{ status: 'passed', assertionResults: results('skipped') }], 0)[0]).toBe(1);
    expect(count(undefined, 0)[0]).toBe(1);
    const fine = [{ status: 'passed', assertionResults: results('passed') }];
    expect(count(fine, 1)).toEqual([1, '1 passed, 1 failed, 0 skipped']);
  });

  test('comes after the error that nobody awaited, when that is all that has failed', () => {
    const head = `import { test } from 'vitest';\n`;
    expect(runOf(`${head}test('fine', () => {});`)).toEqual({ status: 0, lines: ['1 passed, 0 failed, 0 skipped'] });
    const stray = `void Promise.reject(new Error('nobody waits\\nat all')); await new Promise(setImmediate);`;
    expect(runOf(`${head}test('fine', async () => { ${stray} });`)).toEqual({
      status: 1,
      lines: [
        expect.stringMatching(
          /^failed: no test, but the run: Unhandled Rejection in \S+one\.test\.ts during "fine": nobody waits$/,
        ),
        '1 passed, 1 failed, 0 skipped',
      ],
    });
  });

  test('comes after the names of what passed only when it was tried again; more than three of these are a failure', () => {
    const retried = (amount: number) =>
      results(...Array.from({ length: amount }, () => 'passed')).map((test) => ({
        ...test,
        failureMessages: ['no\nat x'],
      }));
    expect(said([{ status: 'passed', assertionResults: retried(3) }], 0)).toEqual({
      status: 0,
      lines: [...[0, 1, 2].map((i) => `passed only when tried again: test ${i}: no`), '3 passed, 0 failed, 0 skipped'],
    });
    expect(count([{ status: 'passed', assertionResults: retried(4) }], 0)).toEqual([
      1,
      '4 passed, 1 failed, 0 skipped',
    ]);
  });
});
