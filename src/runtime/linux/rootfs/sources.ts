import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { hexOfText } from '../../../util/hash.ts';
import { currentSignature } from './host-tree.ts';
import { currentBootId, readJson, type Store, writeJson } from './store.ts';
import { isWhole, treePath } from './trees.ts';

/** Bump when the same inputs lead to another tree. */
const formatVersion = 1;

/** What a source (a tarball, a list of host programs) has led to. */
type SourceRecord = {
  /** What was asked for: another source may have the same file. */
  readonly identity: string;
  /** Keys of the trees, top first. */
  readonly trees: readonly string[];
  /** Until the machine boots again, what was written once is there. */
  readonly bootId: string;
  readonly inputs: readonly (readonly [path: string, signature: string])[];
};

/** `identity`: everything that is asked for, in one canonical text. */
const recordPath = (store: Store, identity: string): string =>
  `${store.sources}/${formatVersion}-${hexOfText(identity)}.json`;

/** The trees that were made for this source, if nothing that they were made from has changed since. */
export function recall(store: Store, identity: string): readonly string[] | undefined {
  const record = readJson(recordPath(store, identity)) as SourceRecord | undefined;
  if (record?.identity !== identity || !isUnchanged(record)) return undefined;
  const { trees, bootId } = record;
  const now = Date.now() / 1000;
  utimesSync(recordPath(store, identity), now, now);
  if (bootId === currentBootId()) return trees.every((key) => existsSync(treePath(store, key))) ? trees : undefined;
  if (!trees.every((key) => isWhole(store, key))) return undefined;
  remember(store, identity, record);
  return trees;
}

type Remembered = Pick<SourceRecord, 'trees' | 'inputs'>;

export function remember(store: Store, identity: string, { trees, inputs }: Remembered): void {
  const record: SourceRecord = { identity, trees, bootId: currentBootId(), inputs };
  writeJson(store, recordPath(store, identity), record);
}

function isUnchanged({ inputs }: SourceRecord): boolean {
  try {
    return inputs.every(([path, signature]) => currentSignature(path) === signature);
  } catch {
    return false;
  }
}

export type FoundRecord = {
  readonly path: string;
  readonly record: SourceRecord;
  /** Milliseconds since the epoch: when it was last recalled. */
  readonly usedAtMs: number;
};

export function listRecords(store: Store): readonly FoundRecord[] {
  return readdirSync(store.sources).flatMap((name) => {
    const path = `${store.sources}/${name}`;
    const record = readJson(path) as SourceRecord | undefined;
    const stats = statSync(path, { throwIfNoEntry: false });
    return record === undefined || stats === undefined ? [] : [{ path, record, usedAtMs: stats.mtimeMs }];
  });
}
