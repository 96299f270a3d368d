import { expect, test } from 'vitest';
import { recordFiles, sameAnswers } from '../../../../src/cli/cache/recorded-files.ts';
import type { FileSource } from '../../../../src/project/request.ts';

const tree = (files: { readonly [path: string]: string | undefined }): FileSource => ({
  kind: (path) => (files[path] === undefined ? 'missing' : 'file'),
  read: (path) => {
    const text = files[path];
    return text === undefined ? { ok: false, code: 'ENOENT' } : { ok: true, bytes: Buffer.from(text) };
  },
});

/** What a loader that found stack.yml, no .env and a bind source would have asked. */
function answersIn(files: { readonly [path: string]: string | undefined }) {
  const recorded = recordFiles(tree(files));
  for (const path of ['/stack.yml', '/.env', '/data']) recorded.files.kind(path);
  recorded.files.read('/stack.yml', 100);
  recorded.files.read('/.env', 100);
  return recorded.answers();
}

const before = { '/stack.yml': 'services: {}', '/data': '' };

test('the same files give the same answers', () => {
  expect(sameAnswers(answersIn(before), tree({ ...before, '/other': 'new' }))).toBe(true);
});

test.each([
  ['the text of a file', { ...before, '/stack.yml': 'services: {a: {}}' }],
  ['one letter of it', { ...before, '/stack.yml': 'services: []' }],
  ['a file that was not there', { ...before, '/.env': '' }],
  ['a file that was only looked at and is gone', { '/stack.yml': 'services: {}' }],
])('%s makes a difference', (_, after) => {
  expect(sameAnswers(answersIn(before), tree(after))).toBe(false);
});

test('a file that cannot be read any more makes a difference', () => {
  const unreadable: FileSource = { ...tree(before), read: () => ({ ok: false, code: 'EACCES' }) };
  expect(sameAnswers(answersIn(before), unreadable)).toBe(false);
});
