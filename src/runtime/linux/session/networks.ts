import { rmSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ActionOf } from '../../../model/plan.ts';
import { ok, type Result } from '../../../util/result.ts';
import { makeDirectory, writeFileAtomic } from '../state-dir.ts';
import type { SessionContext } from './context.ts';

const recordOf = (context: SessionContext, name: string): string =>
  `${context.at.networks}/${encodeURIComponent(name)}.json`;

export function createNetwork(
  context: SessionContext,
  { network }: ActionOf<'create-network'>,
): Result<void, RuntimeFailure> {
  makeDirectory(context.at.networks, 0o711);
  writeFileAtomic(recordOf(context, network.name), JSON.stringify(network), { mode: 0o600 });
  return ok(undefined);
}

export function removeNetwork(
  context: SessionContext,
  { network }: ActionOf<'remove-network'>,
): Result<void, RuntimeFailure> {
  rmSync(recordOf(context, network.name), { force: true });
  return ok(undefined);
}
