import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { capabilityMask, defaultCapabilities } from '../../../../src/runtime/linux/caps.ts';
import { seccompFilter, usualFilter } from '../../../../src/runtime/linux/seccomp.ts';
import { root } from '../../../support/tree.ts';

const dist = join(root, 'dist');
const bundle = readdirSync(dist)
  .filter((name) => name.endsWith('.cjs'))
  .map((name) => readFileSync(join(dist, name), 'latin1'))
  .join('')
  // Long texts go on in the next line.
  .replaceAll('\\\n', '');

test.each(['x64', 'arm64'] as const)('the bundle has the filter that would be made for %s', (arch) => {
  const made = seccompFilter('default', { caps: capabilityMask(defaultCapabilities), arch });
  expect(made).toEqual({ ok: true, value: usualFilter(arch) });
  expect(bundle).toContain(usualFilter(arch).toString('base64'));
});

test('other capabilities get a filter of their own', () => {
  const made = seccompFilter('default', { caps: capabilityMask([...defaultCapabilities, 'SYS_ADMIN']), arch: 'x64' });
  expect(made.ok && made.value?.equals(usualFilter('x64'))).toBe(false);
});
