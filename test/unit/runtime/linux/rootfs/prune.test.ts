import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';
import { prepareRootfs } from '../../../../../src/runtime/linux/rootfs/prepare.ts';
import { pruneStore, storedTrees } from '../../../../../src/runtime/linux/rootfs/prune.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();
const later = Date.now() + 3_600_000;

async function prepareHost(programs: readonly string[], store: HostPath): Promise<readonly HostPath[]> {
  const prepared = await prepareRootfs({ kind: 'host', programs }, store, { hostPath: '/usr/bin:/bin' });
  if (!prepared.ok) throw new Error(prepared.error.message);
  return prepared.value.lowers;
}

describe('pruning the store', () => {
  it('removes what no container is made of, and keeps what one is', async () => {
    const store = scratch();
    const kept = await prepareHost(['sh'], store);
    const gone = await prepareHost(['sh', 'cat'], store);
    expect(storedTrees(store).map(({ path }) => path)).toEqual([...new Set([...kept, ...gone])].sort());
    const pruned = pruneStore(store, { inUse: new Set(kept), before: later });
    expect(pruned.trees).toBe(1);
    expect(pruned.bytes).toBeGreaterThan(10_000);
    expect(storedTrees(store).map(({ path }) => path)).toEqual([...kept].sort());
    expect(readFileSync(`${kept[0]}/etc/passwd`, 'utf8')).toMatch(/^root/);
    // What is gone is built again, from what is left and what is not.
    expect(await prepareHost(['sh', 'cat'], store)).toEqual(gone);
    expect(existsSync(`${gone[0]}/usr/bin/cat`)).toBe(true);
  });

  it('leaves nothing when nothing is in use', async () => {
    const store = scratch();
    await prepareHost(['sh'], store);
    pruneStore(store, { inUse: new Set(), before: later });
    for (const directory of ['trees', 'objects', 'manifests', 'sources', 'tmp']) {
      expect(readdirSync(`${store}/${directory}`)).toEqual([]);
    }
    expect(readFileSync(`${store}/hashes.json`, 'utf8')).toBe('{}');
  });

  it('keeps what somebody has just asked for', async () => {
    const store = scratch();
    const lowers = await prepareHost(['sh'], store);
    expect(pruneStore(store, { inUse: new Set(), before: Date.now() - 60_000 }).trees).toBe(0);
    expect(storedTrees(store)).toHaveLength(lowers.length);
  });
});

describe('several builders at once', () => {
  it('all get the same whole tree, and leave nothing behind, even when some are killed', async () => {
    const [store, place] = [scratch(), scratch()];
    const module = new URL('../../../../../src/runtime/linux/rootfs/prepare.ts', import.meta.url).pathname;
    const contents = `import { prepareRootfs } from ${JSON.stringify(module)};
      const options = { hostPath: '/usr/bin:/bin' };
      prepareRootfs({ kind: 'host', programs: ['sh', 'cat', 'ls'] }, ${JSON.stringify(store)}, options)
        .then((prepared) => process.send(prepared, () => process.exit()));`;
    const outfile = `${place}/builder.cjs`;
    await build({
      stdin: { contents, resolveDir: '/', loader: 'ts' },
      outfile,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['tar-stream'],
      logLevel: 'error',
    });
    const start = () => fork(outfile, { stdio: 'inherit' });
    const victims = Array.from({ length: 4 }, start);
    const builders = Array.from({ length: 4 }, start);
    const deaths = victims.map((victim, index) => killAfter(victim, 100 + index * 60));
    const answers = await Promise.all(builders.map(answerOf));
    await Promise.all(deaths);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ ok: true });

    const mine = await prepareHost(['sh'], store);
    expect(mine.length).toBeGreaterThan(0);
    expect(readdirSync(`${store}/tmp`)).toEqual([]);
  });
});

const answerOf = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve, reject) => {
    child.on('message', resolve);
    child.on('error', reject);
    // Its exit may be heard before its answer, this never.
    child.on('close', () => reject(new Error('a builder gave no answer')));
  });

const killAfter = (child: ChildProcess, ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(() => child.kill('SIGKILL'), ms);
    child.on('close', () => resolve());
  });
