import type { Origin, Place } from './source.ts';

/** Line and column of an origin; tabs and wide characters count as one, as editors do. */
export function placeOf({ file, range }: Origin): Place {
  const lineStart = range.start === 0 ? 0 : file.text.lastIndexOf('\n', range.start - 1) + 1;
  const nextBreak = file.text.indexOf('\n', range.start);
  const lineEnd = nextBreak === -1 ? file.text.length : nextBreak;
  let line = 1;
  for (let at = file.text.indexOf('\n'); at !== -1 && at < lineStart; at = file.text.indexOf('\n', at + 1)) line += 1;
  return {
    file: file.path,
    line,
    column: characters(file.text.slice(lineStart, range.start)) + 1,
    width: characters(file.text.slice(range.start, Math.min(range.end, lineEnd))),
  };
}

const characters = (text: string): number => [...text].length;

/** `stack.yml:12:13`: editors and terminals make a link of it. */
export const placeText = ({ file, line, column }: Place): string => `${file}:${line}:${column}`;
