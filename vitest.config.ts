import { writeFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import type { Reporter } from 'vitest/reporters';

// Two projects: everything that needs no machine runs in parallel; scenarios share one kernel and run one file at a time.
// CI wants the results as data too: it names a file for them in TSCOMPOSE_TEST_REPORT.
const report = process.env['TSCOMPOSE_TEST_REPORT'];
// In CI one try more, for what a busy machine does to a wait; whatever needed it is named at the end of the run.
const retry = process.env['CI'] === undefined ? 0 : 1;
// The report has tests alone: what failed the run and none of them lies beside it.
const fields = ['type', 'message', 'VITEST_TEST_PATH', 'VITEST_TEST_NAME'];
const strays: Reporter = {
  onTestRunEnd: (_, errors) => writeFileSync(`${report}.errors`, JSON.stringify(errors, fields)),
};

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }], strays],
    projects: [
      {
        test: {
          name: 'core',
          include: ['test/{unit,golden,fake,property,house,native}/**/*.test.ts'],
          retry,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'scenario',
          include: ['test/scenario/**/*.test.ts'],
          setupFiles: ['test/support/leak-check.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          retry,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
