import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { treeHash } from '../support/checks.ts';
import { type Rig, scenario } from '../support/scenario.ts';

const tar = (...args: string[]) => execFileSync('tar', args, { stdio: 'pipe' });

async function runsFrom(rig: Rig, rootfs: string): Promise<void> {
  rig.stack({ web: rig.puppet('web', { rootfs }) });
  await rig.up();
  const web = await rig.next('web');
  expect(await web.say('list /bin')).toMatch(/puppet/);
}

describe('a root filesystem', () => {
  scenario('is unpacked from a tarball, compressed or not, once', [], async (rig) => {
    tar('-C', rig.puppetRoot(), '-cf', rig.path('root.tar'), '.');
    tar('-C', rig.puppetRoot(), '-czf', rig.path('root.tar.gz'), '.');
    await runsFrom(rig, './root.tar');
    await runsFrom(rig, './root.tar.gz');
  });

  scenario('from a tarball stays below its directory, whatever names are in it', [], async (rig) => {
    rig.puppetRoot();
    mkdirSync(rig.path('outside'));
    writeFileSync(rig.path('evil'), 'escaped');
    const target = `${'../'.repeat(12)}${rig.path('outside/file').slice(1)}`;
    tar('-C', rig.puppetRoot(), '-cf', rig.path('evil.tar'), '.');
    tar('-C', rig.directory, '-rPf', rig.path('evil.tar'), '--transform', `s,^evil$,${target},`, 'evil');
    expect(tar('-tPf', rig.path('evil.tar')).toString()).toContain(target);
    rig.stack({ web: rig.puppet('web', { rootfs: './evil.tar' }) });
    await rig.hold();
    // Refused or unpacked without that entry: both are right, writing outside is not.
    await rig.cli(['up', '-d']);
    expect(existsSync(rig.path('outside/file'))).toBe(false);
  });

  scenario('from a tarball is not led outside by a link in it', [], async (rig) => {
    mkdirSync(rig.path('outside'));
    mkdirSync(rig.path('tree'));
    symlinkSync(rig.path('outside'), rig.path('tree/door'));
    tar('-C', rig.path('tree'), '-cf', rig.path('evil.tar'), 'door');
    mkdirSync(rig.path('second/door'), { recursive: true });
    writeFileSync(rig.path('second/door/file'), 'escaped');
    tar('-C', rig.path('second'), '-rf', rig.path('evil.tar'), 'door/file');
    rig.stack({ web: rig.puppet('web', { rootfs: './evil.tar' }) });
    await rig.hold();
    await rig.cli(['up', '-d']);
    expect(existsSync(rig.path('outside/file'))).toBe(false);
  });

  scenario('that is broken is refused with its place in the file', [], async (rig) => {
    rig.puppetRoot();
    writeFileSync(rig.path('broken.tar.gz'), Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(2000, 7)]));
    rig.stack({ web: rig.puppet('web', { rootfs: './broken.tar.gz' }) });
    const up = await rig.cli(['up', '-d']);
    expect([1, 3]).toContain(up.code);
    expect(up.stderr).toMatch(/stack\.yml:\d+:\d+/);
    expect(up.stderr).toContain('broken.tar.gz');
  });

  scenario('with links on the way to a mount target has the mount where they lead inside', [], async (rig) => {
    rig.puppetRoot();
    mkdirSync(rig.path('given'));
    writeFileSync(rig.path('given/note'), 'hello');
    mkdirSync(rig.path('root/run'));
    symlinkSync('/run', rig.path('root/absolute'));
    symlinkSync('../../../../run', rig.path('root/relative'));
    rig.stack({ web: rig.puppet('web', { volumes: ['./given:/absolute/a', './given:/relative/b'] }) });
    await rig.up();
    const web = await rig.next('web');
    for (const path of ['/run/a', '/run/b', '/absolute/a', '/relative/b']) {
      expect(await web.say(`read ${path}/note`), path).toBe(Buffer.from('hello').toString('hex'));
    }
  });

  scenario('with links that name a directory of the host makes nothing there', [], async (rig) => {
    rig.puppetRoot();
    mkdirSync(rig.path('outside'));
    mkdirSync(rig.path('given'));
    symlinkSync(rig.path('outside'), rig.path('root/absolute'));
    symlinkSync(`${'../'.repeat(12)}${rig.path('outside').slice(1)}`, rig.path('root/relative'));
    const before = treeHash(rig.path('outside'));
    for (const target of ['/absolute/a', '/relative/b']) {
      rig.stack({ web: rig.puppet('web', { volumes: [`./given:${target}`] }) });
      await rig.hold();
      // Refused, or made inside the root: both are right.
      await rig.cli(['up', '-d']);
      expect(treeHash(rig.path('outside'))).toBe(before);
    }
  });
});
