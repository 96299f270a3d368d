// node .ci/count.mjs REPORT CODE: prints what was skipped and why, what passed only when it was tried again, what failed, and
// one plain line of numbers; exits non-zero when a test failed, when none ran, when too many had to be tried again, or when
// the command that ran them ended with a CODE other than 0. REPORT.errors has what failed the run and no test.
import { readFileSync } from 'node:fs';

const [, , reportPath, code] = process.argv;

function read(path, otherwise) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return otherwise;
  }
}

const files = read(reportPath, { testResults: [] }).testResults;
const tests = files.flatMap((file) => file.assertionResults);
const withStatus = (...wanted) => tests.filter((test) => wanted.includes(test.status));

const passed = withStatus('passed');
// A test that passed keeps what it said when it failed before. One is chance on a busy machine; many are a defect.
const again = passed.filter((test) => (test.failureMessages ?? []).length > 0);
const mostAgain = 3;
const skipped = withStatus('skipped', 'pending', 'todo', 'disabled');
// A file that could not even be loaded, or whose hooks failed, has no failed test of its own.
const brokenFiles = files.filter(
  (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
);
const failed = [...withStatus('failed').map((test) => test.fullName), ...brokenFiles.map((file) => file.name)];

for (const test of skipped) console.log(`skipped: ${test.fullName}`);
for (const test of again) {
  console.log(`passed only when tried again: ${test.fullName}: ${test.failureMessages[0].split('\n', 1)[0]}`);
}
for (const { type, message, VITEST_TEST_PATH: file, VITEST_TEST_NAME: test } of read(`${reportPath}.errors`, [])) {
  const where = `${file ? ` in ${file}` : ''}${test ? ` during "${test}"` : ''}`;
  failed.push(`no test, but the run: ${type ?? 'error'}${where}: ${String(message).split('\n', 1)[0]}`);
}
if (again.length > mostAgain) failed.push(`${again.length} tests had to be tried again; ${mostAgain} may`);
for (const name of failed) console.log(`failed: ${name}`);
if (failed.length === 0 && code !== '0') console.log(`failed: the run itself ended with exit code ${code}`);

const failures = failed.length === 0 && code !== '0' ? 1 : failed.length;
console.log(`${passed.length} passed, ${failures} failed, ${skipped.length} skipped`);
process.exitCode = failures > 0 || passed.length === 0 ? 1 : 0;
