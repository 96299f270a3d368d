import { rmSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import { ok, type Result } from '../../../util/result.ts';
import { entries, makeDirectory, writeFileAtomic } from '../state-dir.ts';
import type { SessionContext } from './context.ts';

const recordOf = (context: SessionContext, name: string): string =>
  `${context.at.networks}/${encodeURIComponent(name)}.json`;

/** Real names of the networks that were made. */
export const networkNames = ({ at }: SessionContext): string[] =>
  entries(at.networks)
    .filter((name) => name.endsWith('.json'))
    .map((name) => decodeURIComponent(name.slice(0, -'.json'.length)));

export async function createNetwork(
  context: SessionContext,
  { network }: ActionOf<'create-network'>,
): Promise<Result<void, RuntimeFailure>> {
  const made = await context.network.createNetwork(network);
  if (!made.ok) return made;
  makeDirectory(context.at.networks, 0o711);
  writeFileAtomic(recordOf(context, network.name), JSON.stringify(network), { mode: 0o600 });
  return ok(undefined);
}

export async function removeNetwork(
  context: SessionContext,
  { network }: ActionOf<'remove-network'>,
): Promise<Result<void, RuntimeFailure>> {
  const removed = await context.network.removeNetwork(network);
  if (!removed.ok) return removed;
  rmSync(recordOf(context, network.name), { force: true });
  return ok(undefined);
}
