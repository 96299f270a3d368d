import { expect, test } from 'vitest';
import { targetOf } from '../../../../src/runtime/linux/files/entry.ts';

const file = { kind: 'file', name: 'f', contentsOnly: false } as const;
const directory = { kind: 'directory', name: 'd', contentsOnly: false } as const;
const contents = { kind: 'directory', name: 'd', contentsOnly: true } as const;
const there = { kind: 'directory' } as const;
const isFile = { kind: 'file' } as const;

test.each([
  ['a file gets the name it is given', file, { path: '/x/new' }, '/x/new'],
  ['a file takes the place of a file', file, { path: '/x/old', ...isFile }, '/x/old'],
  ['a file goes into a directory', file, { path: '/x', ...there }, '/x/f'],
  ['a file goes into the root', file, { path: '/', ...there }, '/f'],
  ['a slash at the end changes nothing about a directory', file, { path: '/x/', ...there }, '/x/f'],
  ['a directory gets the name it is given', directory, { path: '/x/new' }, '/x/new'],
  ['a directory goes into a directory', directory, { path: '/x', ...there }, '/x/d'],
  ['the contents of a directory go into a directory', contents, { path: '/x', ...there }, '/x'],
  ['the contents of a directory get the name they are given', contents, { path: '/x/new' }, '/x/new'],
] as const)('%s', (_title, source, destination, path) => {
  expect(targetOf({ source, destination })).toEqual({ path });
});

test.each([
  ['a directory on a file', directory, { path: '/x', ...isFile }, /is a file/],
  ['a file into a directory that is not there', file, { path: '/x/' }, /no directory/],
  ['a file into a file', file, { path: '/x/', ...isFile }, /no directory/],
] as const)('%s is refused', (_title, source, destination, problem) => {
  expect(targetOf({ source, destination })).toEqual({ problem: expect.stringMatching(problem) });
});
