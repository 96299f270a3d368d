import { describe, expect, test } from 'vitest';
import { countLines, filesBelow, readText } from '../support/tree.ts';

const code = ['src', 'native', 'test', 'bench', 'scripts'].flatMap((folder) => filesBelow(folder)).filter(isCode);

/** This file, in which the words that are looked for are. */
const own = 'test/house/text.test.ts';

function isCode(path: string): boolean {
  return /[.](?:ts|mjs|cjs|c|h|S)$/.test(path);
}

describe('source text', () => {
  test('is in files of at most 400 lines', () => {
    const shipped = code.filter((path) => /^(?:src|native)\//.test(path));
    expect(shipped.length).toBeGreaterThan(10);
    const sizes = shipped.map((path) => ({ path, lines: countLines(readText(path)) }));
    const long = sizes.filter(({ lines }) => lines > 200).sort((a, b) => b.lines - a.lines);
    if (long.length > 0) console.log(long.map(({ path, lines }) => `${lines} lines: ${path}`).join('\n'));
    expect(long.filter(({ lines }) => lines > 400)).toEqual([]);
  });

  test('cites no other file by line, because lines move', () => {
    const cited = code.flatMap((path) =>
      commentsOf(readText(path))
        .filter((comment) => /[\w-][.](?:tsx?|mjs|cjs|c|h):\d+/.test(comment))
        .map((comment) => `${path}: ${comment.trim()}`),
    );
    expect(cited).toEqual([]);
  });

  test('hides no test: what is skipped has a reason that was found out, and no test runs alone', () => {
    const hiding = /\b(?:test|it|describe|scenario)[.](?:only|skip|todo|fails|runIf|skipIf\((?!cannot))\b/;
    const hidden = code.filter((path) => path.endsWith('.test.ts')).filter((path) => hiding.test(readText(path)));
    expect(hidden).toEqual([]);
  });

  test('keeps no promise in a test, and no process beside one, whose failure before it is awaited would be nobody’s', () => {
    // Those that start a command line, rig.cli and ended, are made for being awaited later.
    const kept = /(?:[\w\]] = |push\()(?:rig\.(?:ok|up|ps|row|next)|eventually|running|over|inside|once)\(/;
    const alone = /(?<!beside\(\s*)\bspawn\(/;
    const tests = code.filter((path) => path.startsWith('test/') && path.endsWith('.ts'));
    expect(tests.filter((path) => kept.test(readText(path)))).toEqual([]);
    expect(tests.filter((path) => path !== own && alone.test(readText(path)))).toEqual([]);
  });

  test('has no left-overs of work in progress', () => {
    const markers = new RegExp(`\\b(?:${['FIX', 'ME'].join('')}|${['X', 'XX'].join('')})\\b`);
    expect(code.filter((path) => markers.test(readText(path)))).toEqual([]);
  });
});

/** The lines of a C or TypeScript text that are comments, roughly: enough to look for a pattern in them. */
function commentsOf(text: string): string[] {
  return text.split('\n').filter((line) => /^\s*(?:\/\/|\/\*|\*)|\s\/\/\s|\/\*/.test(line));
}
