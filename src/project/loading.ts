import { posix } from 'node:path';
import type { SourceFile } from '../model/source.ts';
import { parseDocuments } from '../spec/document.ts';
import type { Report } from '../spec/report.ts';
import { child, type Entry, type Mapping, mappingAt, type Place, type Tree, withEntries } from '../spec/tree.ts';
import type { Environment } from './environment.ts';
import type { Sources } from './sources.ts';

/** What every stage of loading shares. */
export type Loading = {
  readonly report: Report;
  readonly sources: Sources;
  readonly home: string;
  readonly interpolate: boolean;
  readonly resolvePaths: boolean;
  readonly resolveEnvironment: boolean;
  /** Elements (`services.web`) with mistakes in them: what they lack may be what was wrong. */
  readonly broken: Set<string>;
  /** Parsed stack files by path: the project's name is looked up in them before they are loaded. */
  readonly documents: Map<SourceFile, readonly Mapping[]>;
};

/** One model: the files of a project, or those of an include. */
export type Part = {
  readonly files: readonly string[];
  readonly directory: string;
  readonly environment: Environment;
  /** First files of the models that include this one, outermost first. */
  readonly chain: readonly string[];
  /** Where the files are named, when another file names them. */
  readonly at?: Place | undefined;
};

export function documentsOf(file: SourceFile, loading: Loading): readonly Mapping[] {
  const known = loading.documents.get(file);
  if (known !== undefined) return known;
  const documents = parseDocuments(file, loading.report);
  loading.documents.set(file, documents);
  return documents;
}

export const namesOf = (tree: Tree, section: string): readonly string[] => {
  const elements = child(tree, section);
  return elements?.kind === 'mapping' ? [...elements.entries.keys()] : [];
};

/** A copy of `tree` with another `section`. */
export function withSection(tree: Mapping, section: string, entries: ReadonlyMap<string, Entry>): Mapping {
  const before = child(tree, section);
  const at = before ?? tree;
  return withEntries(tree, { [section]: mappingAt(at, entries) });
}

export const resolveIn = (directory: string, path: string, home: string): string =>
  path === '~' || path.startsWith('~/') ? posix.join(home, path.slice(1)) : posix.resolve(directory, path);
