import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { SourceFile } from '../model/source.ts';
import { plainNumber } from './number.ts';
import type { Report } from './report.ts';
import {
  type Entry,
  type Mapping,
  mappingAt,
  originOf,
  type Place,
  type Scalar,
  sequenceAt,
  type Tag,
  type Tree,
} from './tree.ts';
import { unclosedIn } from './unclosed.ts';

/** Deeper nesting than this is no stack file; the limit keeps every later walk within the stack. */
const maxDepth = 100;
/** What aliases may add to a document when they are all written out. */
const maxAliasedNodes = 100_000;

/** The documents of one stack file, each a mapping; a file with a syntax error gives none. */
export function parseDocuments(file: SourceFile, report: Report): Mapping[] {
  const before = report.errors;
  const documents = parseText(file, report);
  if (documents === undefined || report.errors > before) return [];
  const trees: Mapping[] = [];
  for (const document of documents) {
    const contents = document.contents;
    if (contents === null || (isScalar(contents) && contents.value === null)) continue;
    const reader: Reader = { file, report, anchors: new Map(), aliased: 0, stopped: false };
    const tree = read(reader, contents as Node, 0);
    if (tree === undefined || reader.stopped) continue;
    if (tree.kind !== 'mapping') {
      report.error('yaml-shape', {
        summary: `the top level of a stack file must be a mapping, not ${describe(tree)}`,
        at: tree,
        notes: ['start with "services:" and indent the services below it'],
      });
      continue;
    }
    trees.push(tree);
  }
  if (report.errors > before) return [];
  if (trees.length === 0) {
    report.error('yaml-shape', {
      summary: 'the stack file is empty',
      at: { file, start: 0, end: 0 },
      notes: ['it needs at least "services:" with one service'],
    });
  }
  return trees;
}

/** `a list`, `a mapping`, `text` …, for messages. */
export function describe(tree: Tree): string {
  if (tree.kind === 'sequence') return 'a list';
  if (tree.kind === 'mapping') return 'a mapping';
  if (tree.value === null) return 'nothing';
  return typeof tree.value === 'string' ? 'text' : `a ${typeof tree.value}`;
}

function parseText(file: SourceFile, report: Report) {
  const deep = tooDeep(file.text);
  if (deep !== undefined) {
    nestedTooDeeply(report, { file, start: deep, end: deep + 1 });
    return undefined;
  }
  const documents = parseAllDocuments(file.text, {
    version: '1.2',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
    strict: true,
  });
  if (!Array.isArray(documents)) return [];
  for (const document of documents) {
    for (const error of document.errors.slice(0, 1)) syntaxError(file, report, error);
  }
  return documents;
}

/**
 * A guess from the text alone, before the parser recurses or slows down: brackets that are open at once, or dashes that
 * open one level each. Text in quotes can only make it stop early, at a depth that no stack file has.
 */
function tooDeep(text: string): number | undefined {
  const limit = maxDepth * 5;
  let flow = 0;
  for (const match of text.matchAll(/[[\]{}]|^[ \-?]{400,}/gm)) {
    const found = match[0];
    if (found === '[' || found === '{') flow += 1;
    else if (found === ']' || found === '}') flow = Math.max(0, flow - 1);
    else if (found.replaceAll(' ', '').length > limit) return match.index;
    if (flow > limit) return match.index;
  }
  return undefined;
}

function nestedTooDeeply(report: Report, at: Place): void {
  report.error('yaml-shape', {
    summary: `values are nested more than ${maxDepth} levels deep`,
    at,
    notes: ['no stack file needs that; is a bracket or an indentation wrong?'],
  });
}

function syntaxError(file: SourceFile, report: Report, error: YAMLError): void {
  const [start, end] = error.pos;
  // The parser recurses, and calls the end of our stack a mistake of the file.
  if (/call stack/.test(error.message)) {
    nestedTooDeeply(report, { file, start, end: start + 1 });
    return;
  }
  // The parser sees it where the text cannot go on, which may be many lines below.
  const open =
    error.code === 'MISSING_CHAR' || /^Flow /.test(error.message) ? unclosedIn(file.text.slice(0, start)) : undefined;
  if (open !== undefined) {
    report.error('yaml-syntax', {
      summary: `the ${open.opener} that is opened here is not closed`,
      at: { file, start: open.at, end: open.at + 1 },
      notes: [`the other end is missing: ${closers[open.opener]}`],
    });
    return;
  }
  const words = syntaxWords[error.code] ?? [lowerFirst(error.message.split('\n')[0] ?? 'invalid YAML')];
  const code = error.code === 'BAD_ALIAS' ? 'yaml-alias' : 'yaml-syntax';
  const at = { file, start, end: Math.max(start + 1, Math.min(end, endOfLine(file.text, start))) };
  report.error(code, { summary: words[0] as string, at, notes: words.slice(1) });
}

const closers = { '[': ']', '{': '}', '"': '"', "'": "'" } as const;

const syntaxWords: { readonly [code: string]: readonly string[] } = {
  TAB_AS_INDENT: ['a tab cannot indent YAML', 'use spaces'],
  BAD_INDENT: ['the indentation does not fit the lines above', 'items of one list or mapping start in the same column'],
  MISSING_CHAR: ['a character is missing here', 'is a quote, a bracket, a colon or a comma left out?'],
  MULTILINE_IMPLICIT_KEY: ['a key must be on one line', 'is a colon missing, or the indentation wrong?'],
  BLOCK_AS_IMPLICIT_KEY: [
    'a nested mapping cannot start on this line',
    'put it on the next line, indented; or quote text with ": " in it',
  ],
  BLOCK_IN_FLOW: ['a block value cannot be inside brackets', 'use brackets throughout, or none'],
  BAD_SCALAR_START: ['text cannot start with this character', 'put it in quotes'],
  BAD_DQ_ESCAPE: ['this escape is not known in double quotes', 'use single quotes to keep backslashes'],
  UNEXPECTED_TOKEN: [
    'this was not expected here',
    'is the indentation right, and is text with special characters quoted?',
  ],
  BAD_ALIAS: ['an alias must name an anchor that is defined above it', 'anchors are written &name, aliases *name'],
  IMPOSSIBLE: ['this cannot be read as YAML'],
};

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end === -1 ? text.length : end;
}

type Reader = {
  readonly file: SourceFile;
  readonly report: Report;
  /** What each anchor stands for and how many nodes it has; `undefined` while it is being read. */
  readonly anchors: Map<string, { tree: Tree; size: number } | undefined>;
  aliased: number;
  stopped: boolean;
};

function read(reader: Reader, node: Node | null | undefined, depth: number): Tree | undefined {
  if (reader.stopped) return undefined;
  if (node === null || node === undefined) return undefined;
  if (depth > maxDepth) {
    reader.stopped = true;
    nestedTooDeeply(reader.report, rangeOf(reader, node));
    return undefined;
  }
  if (isAlias(node)) return readAlias(reader, node.source, rangeOf(reader, node));
  const anchor = (node as { anchor?: string }).anchor;
  if (anchor !== undefined) reader.anchors.set(anchor, undefined);
  const tree = readPlain(reader, node, depth);
  if (anchor !== undefined && tree !== undefined) reader.anchors.set(anchor, { tree, size: sizeOf(tree) });
  return tree;
}

function readPlain(reader: Reader, node: Node, depth: number): Tree | undefined {
  if (isMap(node)) return readMapping(reader, node, depth);
  if (isSeq(node)) {
    const items: Tree[] = [];
    for (const item of node.items) {
      const tree = read(reader, item as Node, depth + 1);
      items.push(tree ?? emptyAt(rangeOf(reader, node)));
    }
    return sequenceAt(placed(reader, node), items);
  }
  return isScalar(node) ? readScalar(reader, node) : undefined;
}

function readAlias(reader: Reader, name: string, at: Place): Tree | undefined {
  const known = reader.anchors.get(name);
  if (known === undefined) {
    reader.stopped = true;
    const summary = reader.anchors.has(name)
      ? `alias "*${name}" is inside its own anchor`
      : `no anchor "&${name}" is defined above`;
    reader.report.error('yaml-alias', { summary, at, notes: ['anchors are written &name, aliases *name'] });
    return undefined;
  }
  reader.aliased += known.size;
  if (reader.aliased > maxAliasedNodes) {
    reader.stopped = true;
    reader.report.error('yaml-alias', {
      summary: `aliases expand to more than ${maxAliasedNodes} values`,
      at,
      notes: ['aliases of aliases multiply; write the values out, or use fewer'],
    });
    return undefined;
  }
  return known.tree;
}

function sizeOf(tree: Tree): number {
  if (tree.kind === 'scalar') return 1;
  let size = 1;
  if (tree.kind === 'sequence') for (const item of tree.items) size += sizeOf(item);
  else for (const entry of tree.entries.values()) size += sizeOf(entry.value);
  return size;
}

function readMapping(reader: Reader, node: YAMLMap, depth: number): Mapping | undefined {
  const entries = new Map<string, Entry>();
  const merged: Tree[] = [];
  for (const pair of node.items) {
    const key = readKey(reader, pair);
    if (key === undefined) continue;
    const value = read(reader, pair.value as Node, depth + 1) ?? emptyAt(key.place);
    if (reader.stopped) return undefined;
    if (key.merge) {
      merged.push(...mergeSources(reader, value));
      continue;
    }
    const earlier = entries.get(key.text);
    if (earlier !== undefined) {
      reader.report.error('yaml-duplicate-key', {
        summary: `key "${key.text}" is there twice`,
        at: key.place,
        notes: [{ text: 'the first one is here', origin: originOf(earlier.key) }, 'keep one of them'],
      });
      continue;
    }
    entries.set(key.text, { key: key.place, value });
  }
  for (const source of merged) {
    if (source.kind !== 'mapping') continue;
    for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
  }
  return mappingAt(placed(reader, node), entries);
}

function readKey(reader: Reader, pair: Pair): { text: string; place: Place; merge: boolean } | undefined {
  const node = pair.key;
  if (isScalar(node) && typeof node.value === 'string') {
    const merge = node.value === '<<' && node.type === 'PLAIN';
    return { text: node.value, place: rangeOf(reader, node), merge };
  }
  const at = isNode(node) ? rangeOf(reader, node) : { file: reader.file, start: 0, end: 0 };
  if (isScalar(node) && node.value === null && node.source === '') {
    reader.report.error('yaml-shape', { summary: 'a key is missing before the colon', at });
    return undefined;
  }
  const text = isScalar(node) ? String(node.source ?? node.value) : undefined;
  reader.report.error('yaml-shape', {
    summary: text === undefined ? 'a key must be text, not a list, a mapping or an alias' : `key ${text} is not text`,
    at,
    notes: text === undefined ? [] : [`put it in quotes: "${text}"`],
  });
  return undefined;
}

function mergeSources(reader: Reader, value: Tree): readonly Tree[] {
  const sources = value.kind === 'sequence' ? value.items : [value];
  for (const source of sources) {
    if (source.kind === 'mapping') continue;
    reader.report.error('yaml-shape', {
      summary: `"<<" merges mappings, not ${describe(source)}`,
      at: source,
      notes: ['write "<<: *anchor" or "<<: [*one, *two]"'],
    });
  }
  return sources;
}

function readScalar(reader: Reader, node: import('yaml').Scalar): Scalar {
  const tag = tagOf(node);
  const plain = node.type === 'PLAIN' && (node.tag === undefined || tag !== undefined) ? node.source : undefined;
  const { value, text } = plainNumber(node.value, plain);
  const range = node.range;
  return {
    kind: 'scalar',
    file: reader.file,
    start: range?.[0] ?? 0,
    end: range?.[1] ?? 0,
    tag,
    replaced: undefined,
    implied: undefined,
    value,
    text,
    uses: undefined,
  };
}

/** Place and tag of a node, as a tree without anything in it. */
function placed(reader: Reader, node: Node): Scalar {
  return emptyWith(reader.file, node.range, tagOf(node));
}

function tagOf(node: { tag?: string | undefined }): Tag | undefined {
  if (node.tag === '!reset') return 'reset';
  return node.tag === '!override' ? 'override' : undefined;
}

function rangeOf(reader: Reader, node: { range?: readonly number[] | null | undefined }): Place {
  const start = node.range?.[0] ?? 0;
  const end = node.range?.[1] ?? start;
  return { file: reader.file, start, end };
}

const emptyAt = ({ file, start, end }: Place): Scalar => emptyWith(file, [start, end], undefined);

const emptyWith = (file: SourceFile, range: readonly number[] | null | undefined, tag: Tag | undefined): Scalar => ({
  kind: 'scalar',
  file,
  start: range?.[0] ?? 0,
  end: range?.[1] ?? range?.[0] ?? 0,
  tag,
  replaced: undefined,
  implied: undefined,
  value: null,
  text: undefined,
  uses: undefined,
});
