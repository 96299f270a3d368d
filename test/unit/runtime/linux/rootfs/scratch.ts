import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterEach } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';

/** A fresh directory for each call, removed after the test. */
export function scratchDirectories(): () => HostPath {
  const made: string[] = [];
  afterEach(() => {
    for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
  });
  return () => {
    const path = mkdtempSync(`${tmpdir()}/tscompose-test-`);
    made.push(path);
    return path as HostPath;
  };
}
