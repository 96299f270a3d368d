import { defineConfig } from 'vitest/config';

// Two projects: everything that needs no machine runs in parallel; scenarios share one kernel and run one file at a time.
// CI wants the results as data too: it names a file for them in TSCOMPOSE_TEST_REPORT.
const report = process.env['TSCOMPOSE_TEST_REPORT'];

export default defineConfig({
  test: {
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
    projects: [
      {
        test: {
          name: 'core',
          include: ['test/{unit,golden,fake,property,house,native}/**/*.test.ts'],
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
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
