import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, root } from '../support/tree.ts';

type Cruise = {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
  };
  readonly modules: readonly { readonly source: string }[];
};

/** The graph of `src` below `directory`, judged by the rules of the project. */
function cruise(directory: string): Cruise {
  const command = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const options = ['--config', join(directory, '.dependency-cruiser.cjs'), '--output-type', 'json', 'src'];
  const run = { cwd: directory, encoding: 'utf8', maxBuffer: 64 << 20 } as const;
  return JSON.parse(execFileSync(process.execPath, [command, ...options], run));
}

describe('imports', () => {
  test('go one way, and every package has one door', () => {
    const { summary, modules } = cruise(root);
    expect(summary.violations.map((v) => `${v.rule.name}: ${v.from} → ${v.to}`)).toEqual([]);
    // An empty graph has no violations either: every source file must have been seen.
    const seen = modules.map((m) => m.source).filter((path) => path.startsWith('src/'));
    expect(seen.sort()).toEqual(filesBelow('src').filter((path) => path.endsWith('.ts')));
    expect(summary.totalCruised).toBeGreaterThan(10);
  }, 120_000);

  test('that break a rule are reported, each by its rule', () => {
    const planted: { readonly [file: string]: string } = {
      'src/plan/a.ts': "import { b } from '../runtime/b.ts';\nexport const a = b;",
      'src/runtime/b.ts': "import { u } from '../util/u.ts';\nexport const b = u;",
      'src/runtime/type-only.ts': "import type { A } from '../plan/type.ts';\nexport type T = A;",
      'src/plan/type.ts': 'export type A = 1;',
      'src/util/u.ts': "import { readFileSync } from 'node:fs';\nexport const u = readFileSync;",
      'src/project/lazy.ts': "export const load = () => import('yaml');",
      'src/cli/main.ts': "import koffi from 'koffi';\nexport const k = koffi;",
      'src/runtime/linux/sandbox.ts': "import { spawn } from 'node:child_process';\nexport const s = spawn;",
      'src/supervise/one.ts': "import { two } from './two.ts';\nexport const one = () => two;",
      'src/supervise/two.ts': "import { one } from './one.ts';\nexport const two = () => one;",
      'src/cli/nowhere.ts': "import { x } from './missing.ts';\nexport const y = x;",
      'src/spec/ok.ts': "import { parseDocument } from 'yaml';\nexport const p = parseDocument;",
    };
    const directory = mkdtempSync(join(tmpdir(), 'tscompose-imports-'));
    try {
      for (const [path, text] of Object.entries(planted)) {
        mkdirSync(join(directory, dirname(path)), { recursive: true });
        writeFileSync(join(directory, path), text);
      }
      for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json']) cpSync(join(root, file), join(directory, file));
      symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
      const broken = cruise(directory).summary.violations.map((v) => `${v.rule.name} ${v.from}`);
      expect([...new Set(broken)].sort()).toEqual([
        'layer-plan src/plan/a.ts',
        'layer-runtime src/runtime/type-only.ts',
        'no-circular src/supervise/one.ts',
        'no-unresolvable src/cli/nowhere.ts',
        'one-door-koffi src/cli/main.ts',
        'one-door-yaml src/project/lazy.ts',
        'pure-core src/util/u.ts',
        'pure-files src/runtime/linux/sandbox.ts',
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }, 120_000);
});
