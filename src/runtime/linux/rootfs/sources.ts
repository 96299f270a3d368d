import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { HostPath } from '../../../model/units.ts';
import { currentSignature } from './host-tree.ts';
import { currentBootId, readJson, type Store, writeJson } from './store.ts';
import { isWhole, treePath } from './trees.ts';

/** Bump when the same inputs lead to another tree. */
const formatVersion = 1;

/** What a source (a tarball, a list of host programs) has led to. */
type SourceRecord = {
  readonly key: string;
  /** Until the machine boots again, what was written once is there. */
  readonly bootId: string;
  readonly inputs: readonly (readonly [path: string, signature: string])[];
};

export type PreparedTree = { readonly key: string; readonly root: HostPath };

/** `identity`: everything that is asked for, in one canonical text. */
const recordPath = (store: Store, identity: string): string =>
  `${store.sources}/${createHash('sha256').update(`${formatVersion}\0${identity}`).digest('hex').slice(0, 40)}.json`;

/** The tree that was made for this source, if nothing that it was made from has changed since. */
export function recall(store: Store, identity: string): PreparedTree | undefined {
  const record = readJson(recordPath(store, identity)) as SourceRecord | undefined;
  if (record === undefined || !isUnchanged(record)) return undefined;
  const root = treePath(store, record.key);
  if (record.bootId === currentBootId()) {
    return statSync(root, { throwIfNoEntry: false }) === undefined ? undefined : { key: record.key, root };
  }
  if (!isWhole(store, record.key)) return undefined;
  remember(store, identity, record);
  return { key: record.key, root };
}

export function remember(store: Store, identity: string, { key, inputs }: Omit<SourceRecord, 'bootId'>): void {
  const record: SourceRecord = { key, bootId: currentBootId(), inputs };
  writeJson(store, recordPath(store, identity), record);
}

function isUnchanged({ inputs }: SourceRecord): boolean {
  try {
    return inputs.every(([path, signature]) => currentSignature(path) === signature);
  } catch {
    return false;
  }
}
