import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { commandCodes, diagnosticCodes } from '../../src/model/diagnostic.ts';
import { failureCodes } from '../../src/model/event.ts';
import { countLines, filesBelow, readText, root } from '../support/tree.ts';

const documents = filesBelow('.').filter((path) => path.endsWith('.md'));

describe('documents', () => {
  test('link only to files and headings that exist', () => {
    expect(documents).toEqual(
      expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md']),
    );
    expect(documents.flatMap(brokenLinks)).toEqual([]);
  });

  test('give every code that is printed its section in docs/errors.md, and no other', () => {
    const sections = [...readText('docs/errors.md').matchAll(/^## (.+)$/gm)].map((match) => match[1]!);
    const codes = [...new Set<string>([...diagnosticCodes, ...failureCodes, ...commandCodes])];
    expect([...sections].sort()).toEqual(codes.sort());
    // Whatever does not go through the types of these lists, such as lines of JSON made by hand.
    const written = ['cli', 'project', 'runtime', 'apply', 'supervise']
      .flatMap((folder) => filesBelow(`src/${folder}`))
      .flatMap((path) => [...readText(path).matchAll(/\bcode: '([a-z]+(?:-[a-z]+)*)'/g)].map((match) => match[1]!));
    expect([...new Set(written)].filter((code) => !codes.includes(code))).toEqual([]);
  });

  test('describe the architecture in at most 250 lines, with every folder and every package in it', () => {
    const text = readText('ARCHITECTURE.md');
    expect(countLines(text)).toBeLessThanOrEqual(250);
    const folders = readdirSync(join(root, 'src'));
    expect(folders.filter((folder) => !text.includes(`${folder}/`))).toEqual([]);
    const { dependencies, devDependencies } = JSON.parse(readText('package.json'));
    const packages = Object.keys({ ...dependencies, ...devDependencies });
    expect(packages.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  test('name only scripts that package.json has', () => {
    const { scripts } = JSON.parse(readText('package.json'));
    const named = documents.flatMap((path) =>
      [...readText(path).matchAll(/npm run ([\w:-]+)/g)].map((match) => match[1]!),
    );
    expect([...new Set(named)].filter((name) => !(name in scripts))).toEqual([]);
    for (const name of ['start', 'test', 'build', 'bench']) expect(scripts[name], name).toBeTypeOf('string');
  });
});

describe('tests', () => {
  test('mention every diagnostic code', () => {
    const texts = ['test/golden', 'test/unit', 'test/fake', 'test/scenario']
      .filter((folder) => existsSync(join(root, folder)))
      .flatMap((folder) => filesBelow(folder))
      .map(readText);
    const tested = (code: string) => texts.some((text) => text.includes(`[${code}]`) || text.includes(`'${code}'`));
    // Said when a process that has just been started ends by itself, which no test can bring about.
    const untestable = ['watch-failed'];
    expect([...diagnosticCodes, ...commandCodes].filter((code) => !tested(code))).toEqual(untestable);
  });
});

/** Headings without their marks. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#{1,6} +(.+?) *$/gm)].map((match) => match[1]!);
}

/** As GitHub makes the anchor of a heading. */
function anchor(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function brokenLinks(document: string): string[] {
  const text = readText(document).replace(/^```[\s\S]*?^```/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
  return targets.filter((target) => !linkHolds(document, target)).map((target) => `${document}: ${target}`);
}

function linkHolds(document: string, target: string): boolean {
  if (/^[a-z]+:/.test(target)) return true;
  const [file, fragment] = target.split('#') as [string, string?];
  const path = file === '' ? document : normalize(join(dirname(document), file));
  if (!existsSync(join(root, path))) return false;
  if (fragment === undefined || !path.endsWith('.md')) return true;
  return headings(readText(path)).map(anchor).includes(fragment);
}
