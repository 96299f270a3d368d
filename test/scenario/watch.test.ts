import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect } from 'vitest';
import type { ProjectName } from '../../src/model/units.ts';
import { isLockHeld } from '../../src/runtime/linux/lock-held.ts';
import { eventually } from '../support/eventually.ts';
import { ended, type Rig, type ServiceText, scenario } from '../support/scenario.ts';
import { guestRoot, Watching } from '../support/watching.ts';

type Rule = { readonly [key: string]: unknown };

const sync = (more: Rule = {}): Rule => ({ path: './src', action: 'sync', target: '/app', ...more });

function stack(rig: Rig, rules: readonly Rule[], more: ServiceText = {}): void {
  mkdirSync(rig.path('src'), { recursive: true });
  rig.stack({ web: rig.puppet('web', { develop: { watch: rules }, ...more }) });
}

/** Watch mode of a stack with one service, up and heard of; ended with the test. */
async function watched(
  rig: Rig,
  rules: readonly Rule[],
  body: (watching: Watching, root: string) => Promise<void>,
  more: ServiceText = {},
): Promise<void> {
  stack(rig, rules, more);
  await rig.hold();
  const watching = new Watching(rig);
  try {
    await watching.tells('watching');
    await rig.next('web');
    await body(watching, await guestRoot(rig, 'web'));
  } finally {
    await watching.stop();
  }
}

const holds = (path: string, text: string) => eventually(() => expect(readFileSync(path, 'utf8')).toBe(text));
const isGone = (path: string) => eventually(() => expect(existsSync(path)).toBe(false));

describe('watch', () => {
  scenario('brings every way of saving a file into the container', ['vim'], async (rig) => {
    await watched(rig, [sync()], async (watching, root) => {
      const file = rig.path('src/a.txt');
      writeFileSync(file, 'made');
      await holds(`${root}/app/a.txt`, 'made');
      writeFileSync(file, 'in place');
      await holds(`${root}/app/a.txt`, 'in place');
      writeFileSync(rig.path('src/.a.txt.tmp'), 'renamed over');
      renameSync(rig.path('src/.a.txt.tmp'), file);
      await holds(`${root}/app/a.txt`, 'renamed over');
      renameSync(file, `${file}~`);
      writeFileSync(file, 'beside a backup');
      unlinkSync(`${file}~`);
      await holds(`${root}/app/a.txt`, 'beside a backup');
      execFileSync('vi', ['-u', 'NONE', '-es', '-c', '%s/.*/by vim/', '-c', 'wq', file], { stdio: 'ignore' });
      await holds(`${root}/app/a.txt`, 'by vim\n');
      const targets = watching
        .of('synced')
        .flatMap(({ items }) => (items as { target: string }[]).map(({ target }) => target));
      expect([...new Set(targets)]).toEqual(['/app/a.txt']);
    });
  });

  scenario('follows deletes, renames, links, modes and new directories', [], async (rig) => {
    await watched(rig, [sync()], async (_, root) => {
      mkdirSync(rig.path('src/one/two'), { recursive: true });
      writeFileSync(rig.path('src/one/two/run.sh'), '#!/bin/sh\n', { mode: 0o755 });
      await eventually(() => expect(statSync(`${root}/app/one/two/run.sh`).mode & 0o777).toBe(0o755));
      chmodSync(rig.path('src/one/two/run.sh'), 0o640);
      await eventually(() => expect(statSync(`${root}/app/one/two/run.sh`).mode & 0o777).toBe(0o640));
      symlinkSync('two/run.sh', rig.path('src/one/link'));
      await eventually(() => expect(readlinkSync(`${root}/app/one/link`)).toBe('two/run.sh'));
      renameSync(rig.path('src/one'), rig.path('src/three'));
      await eventually(() => expect(statSync(`${root}/app/three/two/run.sh`).mode & 0o777).toBe(0o640));
      await isGone(`${root}/app/one`);
      rmSync(rig.path('src/three'), { recursive: true });
      await isGone(`${root}/app/three`);
    });
  });

  scenario('keeps the owner of what is there', [], async (rig) => {
    await watched(rig, [sync()], async (_, root) => {
      writeFileSync(rig.path('src/a'), '1');
      await holds(`${root}/app/a`, '1');
      chownSync(`${root}/app/a`, 33, 34);
      writeFileSync(rig.path('src/a'), '2');
      await holds(`${root}/app/a`, '2');
      expect([statSync(`${root}/app/a`).uid, statSync(`${root}/app/a`).gid]).toEqual([33, 34]);
    });
  });

  scenario('copies what include names and ignore does not, and never what editors leave', [], async (rig) => {
    const rules = [sync({ include: ['**/*.js'], ignore: ['vendor', '**/*.min.js'] })];
    await watched(rig, rules, async (watching, root) => {
      mkdirSync(rig.path('src/vendor'));
      for (const name of ['a.css', 'a.min.js', 'vendor/b.js', '.a.js.swp', '4913', 'a.js~']) {
        writeFileSync(rig.path('src', name), 'no');
      }
      writeFileSync(rig.path('src/a.js'), 'yes');
      await holds(`${root}/app/a.js`, 'yes');
      const { items } = await watching.tells('synced');
      expect((items as { target: string }[]).map(({ target }) => target)).toEqual(['/app/a.js']);
    });
  });

  scenario("leaves out what the build context's .dockerignore does, whatever lies between the two", [], async (rig) => {
    rig.write('.dockerignore', '# not for the image\nsrc/secret\n**/*.log\n!src/kept.log\n');
    rig.write('src/secret/key', '1');
    await watched(
      rig,
      [sync({ initial_sync: true })],
      async (_watching, root) => {
        for (const name of ['secret/key', 'a.log', 'kept.log', 'last']) rig.write(`src/${name}`, name);
        await holds(`${root}/app/last`, 'last');
        await holds(`${root}/app/kept.log`, 'kept.log');
        expect(readdirSync(`${root}/app`).sort()).toEqual(['kept.log', 'last']);
      },
      { build: '.' },
    );
  });

  scenario('restarts after the copy, so that the new life has the new file', [], async (rig) => {
    await watched(rig, [sync({ action: 'sync+restart' })], async (watching) => {
      writeFileSync(rig.path('src/a'), 'new');
      const web = await rig.next('web');
      expect(await web.say('read /app/a')).toContain(Buffer.from('new').toString('hex'));
      expect((await watching.tells('restarted'))['causes']).toEqual([rig.path('src/a')]);
    });
  });

  scenario('restarts without copying', [], async (rig) => {
    await watched(rig, [{ path: './src', action: 'restart' }], async (watching, root) => {
      writeFileSync(rig.path('src/a'), 'new');
      await rig.next('web');
      await watching.tells('restarted');
      expect(existsSync(`${root}/app`)).toBe(false);
    });
  });

  scenario('brings the mended file to a container that has crashed, before it is started again', [], async (rig) => {
    stack(rig, [sync({ action: 'sync+restart' })]);
    await rig.hold();
    const watching = new Watching(rig);
    const first = await rig.next('web');
    await watching.tells('watching');
    first.tell('exit 3');
    expect((await watching.tells('ended'))['status']).toMatchObject({ exitCode: 3 });
    writeFileSync(rig.path('src/a'), 'mended');
    const second = await rig.next('web');
    expect(await second.say('read /app/a')).toContain(Buffer.from('mended').toString('hex'));
    await watching.tells('restarted');
    expect(watching.of('restarted').length).toBe(1);
    await watching.stop();
  });

  scenario('runs the command once for a batch, after the copy, and shows how it failed', ['busybox'], async (rig) => {
    const exec = { command: ['sh', '-c', 'cat /app/* >>/log; exit 4'] };
    stack(rig, [sync({ action: 'sync+exec', exec })], {
      rootfs: { host: ['busybox', 'sh', 'cat', 'sleep'] },
      command: ['sleep', '1000'],
    });
    const watching = new Watching(rig);
    await watching.tells('watching');
    const root = await guestRoot(rig, 'web');
    mkdirSync(rig.path('new'));
    writeFileSync(rig.path('new/a'), 'one ');
    writeFileSync(rig.path('new/b'), 'two ');
    renameSync(rig.path('new'), rig.path('src/new'));
    expect(await watching.tells('executed')).toMatchObject({ exitCode: 4 });
    expect(watching.of('executed').length).toBe(1);
    expect(existsSync(`${root}/log`)).toBe(true);
    await watching.stop();
  });

  scenario('makes the container anew from its source, with what was copied since', [], async (rig) => {
    await watched(rig, [sync(), { path: './package.json', action: 'rebuild' }], async (watching, before) => {
      writeFileSync(rig.path('src/a'), 'kept');
      await holds(`${before}/app/a`, 'kept');
      writeFileSync(rig.path('root/etc/marker'), 'from the source');
      writeFileSync(rig.path('package.json'), '{}');
      const web = await rig.next('web');
      expect(await web.say('read /etc/marker')).toContain(Buffer.from('from the source').toString('hex'));
      // It was there before the command began.
      expect(await web.say('read /app/a')).toContain(Buffer.from('kept').toString('hex'));
      expect((await watching.tells('rebuilt'))['causes']).toEqual([rig.path('package.json')]);
    });
  });

  scenario('copies everything before the first start with initial_sync, to every replica', [], async (rig) => {
    stack(rig, [sync({ initial_sync: true, ignore: ['no'] })], { scale: 2 });
    for (const name of ['a', 'no']) writeFileSync(rig.path('src', name), name);
    await rig.hold();
    const watching = new Watching(rig);
    for (const _ of [1, 2]) {
      const web = await rig.next('web');
      expect(await web.say('read /app/a')).toContain(Buffer.from('a').toString('hex'));
      expect(await web.say('read /app/no')).toContain('No such file');
    }
    await watching.tells('watching');
    writeFileSync(rig.path('src/a'), 'b');
    await watching.tells('synced', 3);
    await rig.ok(['scale', 'web=3']);
    const third = await rig.next('web');
    await eventually(async () => expect(await third.say('read /app/a')).toContain(Buffer.from('b').toString('hex')));
    await watching.stop();
  });

  scenario(
    'takes a checkout of thousands of files as one batch',
    ['git'],
    async (rig) => {
      const git = (args: readonly string[], input = '') =>
        execFileSync('git', args, { cwd: rig.path('src'), input, stdio: ['pipe', 'pipe', 'pipe'] });
      mkdirSync(rig.path('src'));
      git(['init', '-q', '-b', 'main']);
      const files = Array.from(
        { length: 5000 },
        (_, i) => `M 644 inline many/f${i}\ndata ${`file ${i}`.length}\nfile ${i}\n`,
      );
      const commit = 'committer t <t@t> 0 +0000\ndata 0\n';
      git(
        ['fast-import', '--quiet'],
        `commit refs/heads/main\n${commit}\ncommit refs/heads/full\n${commit}from refs/heads/main\n${files.join('')}\n`,
      );
      git(['checkout', '-q', 'main']);
      await watched(rig, [sync({ action: 'sync+restart' })], async (watching) => {
        git(['checkout', '-q', 'full']);
        await watching.tells('restarted');
        const batches = watching.of('synced').map(({ items }) => (items as unknown[]).length);
        // The directory, and what is in it.
        expect(batches).toEqual([5001]);
        expect(watching.of('restarted').length).toBe(1);
        await rig.next('web');
        const root = await guestRoot(rig, 'web');
        expect(readFileSync(`${root}/app/many/f4999`, 'utf8')).toBe('file 4999');
      });
    },
    180_000,
  );

  scenario('does not copy what lies on a bind mount, and says so', [], async (rig) => {
    await watched(
      rig,
      [sync({ action: 'sync+restart' })],
      async (watching) => {
        expect((await watching.tells('warning'))['message']).toContain('bind mount');
        writeFileSync(rig.path('src/a'), 'new');
        const web = await rig.next('web');
        expect(await web.say('read /app/a')).toContain(Buffer.from('new').toString('hex'));
        expect(watching.of('synced')).toEqual([]);
      },
      { volumes: ['./src:/app'] },
    );
  });

  scenario('watches for what is not there yet, and for what takes its place', [], async (rig) => {
    await watched(rig, [sync({ path: './late/src' })], async (_, root) => {
      mkdirSync(rig.path('late/src'), { recursive: true });
      writeFileSync(rig.path('late/src/a'), '1');
      await holds(`${root}/app/a`, '1');
      renameSync(rig.path('late'), rig.path('early'));
      await isGone(`${root}/app/a`);
      mkdirSync(rig.path('late/src'), { recursive: true });
      writeFileSync(rig.path('late/src/b'), '2');
      await holds(`${root}/app/b`, '2');
    });
  });

  scenario('refuses a stack in which nothing is to be watched', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    const run = await rig.cli(['watch']);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain('no service says what to watch');
    expect(await rig.ps()).toEqual([]);
  });

  scenario('writes to a container that does not run, and leaves it to whoever changes it', [], async (rig) => {
    await watched(rig, [sync()], async (watching) => {
      await rig.ok(['stop']);
      writeFileSync(rig.path('src/a.txt'), 'while stopped');
      await watching.tells('synced');
      expect((await rig.ok(['diff', 'web'])).stdout).toContain('/app/a.txt');
      // A copy that stalls has the project's lock.
      const copy = rig.start(['cp', '-', 'web:/tmp'], { input: { open: true } });
      const copied = ended(copy);
      try {
        await eventually(() => expect(isLockHeld(rig.project as ProjectName, {})).toBe(true));
        writeFileSync(rig.path('src/b.txt'), 'while locked');
        writeFileSync(rig.path('src/c.txt'), 'while locked');
      } finally {
        copy.stdin?.end(Buffer.alloc(1024));
      }
      expect((await copied).code).toBe(0);
      await rig.ok(['start']);
      await rig.next('web');
      const root = await guestRoot(rig, 'web');
      for (const [name, text] of Object.entries({ a: 'while stopped', b: 'while locked', c: 'while locked' }))
        await holds(`${root}/app/${name}.txt`, text);
    });
  });

  scenario('writes to every replica that does not run', [], async (rig) => {
    stack(rig, [sync()], { scale: 3 });
    await rig.up();
    await rig.ok(['stop']);
    const watching = new Watching(rig, ['--no-up']);
    await watching.tells('watching');
    writeFileSync(rig.path('src/a.txt'), '1');
    await watching.tells('synced');
    for (const index of ['1', '2', '3'])
      expect((await rig.ok(['diff', '--index', index, 'web'])).stdout).toContain('/app/a.txt');
    await watching.stop();
  });

  scenario('keeps what meets the lock of somebody else until that is given back', [], async (rig) => {
    mkdirSync(rig.path('src'));
    // The command of a batch is run when all its copies are over: for a container that does not run, that has met the lock.
    const told = sync({ action: 'sync+exec', exec: { command: ['/bin/inspect'] } });
    rig.stack({
      web: rig.puppet('web', { develop: { watch: [sync()] } }),
      witness: rig.puppet('witness', { develop: { watch: [told] } }),
    });
    await rig.hold();
    const watching = new Watching(rig);
    const synced = () => watching.of('synced').filter(({ service }) => service === 'web');
    const tried = (name: string) =>
      eventually(() =>
        expect(watching.of('executed').flatMap(({ causes }) => causes)).toContain(rig.path('src', `${name}.txt`)),
      );
    const changes = async () => (await rig.ok(['diff', 'web'])).stdout;
    try {
      await watching.tells('watching');
      await rig.next('witness');
      await rig.next('web');
      await rig.ok(['stop', 'web']);
      writeFileSync(rig.path('src/early.txt'), '1');
      await tried('early');
      expect(await changes()).toContain('/app/early.txt');
      const copy = rig.start(['cp', '-', 'web:/tmp'], { input: { open: true } });
      const copied = ended(copy);
      try {
        await eventually(() => expect(isLockHeld(rig.project as ProjectName, {})).toBe(true));
        rmSync(rig.path('src/early.txt'));
        writeFileSync(rig.path('src/late.txt'), '1');
        await tried('late');
        writeFileSync(rig.path('src/late.txt'), '2');
        writeFileSync(rig.path('src/later.txt'), '1');
        await tried('later');
        expect(synced()).toHaveLength(1);
        expect(await changes()).toContain('/app/early.txt');
        expect(await changes()).not.toContain('late');
      } finally {
        copy.stdin?.end(Buffer.alloc(1024));
      }
      expect((await copied).code).toBe(0);
      await eventually(async () => expect(await changes()).toContain('/app/later.txt'));
      expect(await changes()).not.toContain('early');
      for (const [name, text] of Object.entries({ late: '2', later: '1' })) {
        await rig.ok(['cp', `web:/app/${name}.txt`, './back']);
        expect(readFileSync(rig.path('back'), 'utf8')).toBe(text);
      }
    } finally {
      await watching.stop();
    }
  });

  scenario('leaves the containers when it is ended, and ends when they are taken down', [], async (rig) => {
    stack(rig, [sync()]);
    await rig.up();
    const first = new Watching(rig, ['--no-up']);
    await first.tells('watching');
    expect((await first.stop()).code).toBe(0);
    expect((await rig.row('web')).status['kind']).toBe('running');
    const second = new Watching(rig, ['--no-up']);
    await second.tells('watching');
    await rig.ok(['down']);
    expect((await second.over).code).toBe(0);
  });

  scenario('the newest takes over from the one before', [], async (rig) => {
    stack(rig, [sync()]);
    await rig.up();
    const first = new Watching(rig);
    await first.tells('watching');
    const second = new Watching(rig);
    await second.tells('watching');
    expect((await first.over).stderr).toContain('begun elsewhere');
    writeFileSync(rig.path('src/a'), '1');
    await holds(`${await guestRoot(rig, 'web')}/app/a`, '1');
    await second.stop();
  });
});

describe('the stack file', () => {
  const labelled = (rig: Rig, value: string, more: Rule = {}) =>
    rig.puppet('web', { labels: { value }, develop: { watch: [sync()] }, ...more });

  scenario('is applied when it is saved, with the cause', [], async (rig) => {
    mkdirSync(rig.path('src'));
    rig.stack({ web: labelled(rig, 'old') });
    await rig.hold();
    const watching = new Watching(rig);
    await watching.tells('watching');
    await rig.next('web');
    rig.stack({ web: labelled(rig, 'new'), more: rig.puppet('more') });
    await rig.next('more');
    await rig.next('web');
    expect(await watching.tells('reloaded')).toMatchObject({ outcome: 'applied' });
    expect((await watching.stop()).stderr).toMatch(/labels.value/);
  });

  scenario('that is broken changes nothing and is shown with the place, until it is mended', [], async (rig) => {
    mkdirSync(rig.path('src'));
    rig.stack({ web: labelled(rig, 'old') });
    await rig.hold();
    const watching = new Watching(rig);
    await watching.tells('watching');
    const web = await rig.next('web');
    rig.write('stack.yml', 'services:\n  web:\n    volums: []\n');
    expect(await watching.tells('reloaded')).toMatchObject({ outcome: 'invalid' });
    expect(await web.say('list /app')).not.toBe('');
    rig.stack({ web: labelled(rig, 'old') });
    expect(await watching.tells('reloaded', 2)).toMatchObject({ outcome: 'same' });
    writeFileSync(rig.path('src/a'), '1');
    await holds(`${await guestRoot(rig, 'web')}/app/a`, '1');
    const { stderr } = await watching.stop();
    expect(stderr).toContain('unknown-key');
    expect(stderr).toContain('"column":5');
  });

  scenario('is followed with what it includes and with its env files, however they are saved', [], async (rig) => {
    mkdirSync(rig.path('src'));
    rig.write('value.env', 'VALUE=one\n');
    rig.write('more.yml', 'services: {}\n');
    rig.stack({ web: { ...labelled(rig, 'x'), env_file: './value.env' } }, { include: ['./more.yml'] });
    await rig.hold();
    const watching = new Watching(rig);
    await watching.tells('watching');
    await rig.next('web');
    rig.write('.value.env.new', 'VALUE=two\n');
    renameSync(rig.path('.value.env.new'), rig.path('value.env'));
    await rig.next('web');
    await watching.tells('reloaded');
    rig.write('more.yml', { services: { extra: rig.puppet('extra') } });
    await rig.next('extra');
    await watching.tells('reloaded', 2);
    rig.write('.env', 'UNUSED=1\n');
    expect(await watching.tells('reloaded', 3)).toMatchObject({ outcome: 'same' });
    await watching.stop();
  });
});

describe('up --watch', () => {
  scenario('acts on changes beside the output, and Ctrl-C stops the containers', [], async (rig) => {
    stack(rig, [sync({ action: 'sync+restart' })]);
    await rig.hold();
    const child = rig.start(['up', '--watch']);
    const over = ended(child);
    let told = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      told += bytes;
    });
    await (await rig.next('web')).print('first life\n');
    await eventually(() => expect(told).toContain('⦿ watching for web'));
    writeFileSync(rig.path('src/a'), '1');
    await rig.next('web');
    await eventually(() => expect(told).toMatch(/web {2}restarted: src\/a/));
    child.kill('SIGINT');
    const run = await over;
    expect(run.code).toBe(0);
    expect(run.stdout).toContain('first life');
    expect((await rig.row('web')).status['kind']).toBe('exited');
  });

  scenario('goes on in the background with -d, is replaced when given again, and ends with down', [], async (rig) => {
    stack(rig, [sync()]);
    await rig.up('--watch');
    await rig.next('web');
    const file = `${await guestRoot(rig, 'web')}/app/a`;
    writeFileSync(rig.path('src/a'), '1');
    await holds(file, '1');
    await rig.up('--watch');
    writeFileSync(rig.path('src/a'), '2');
    await holds(file, '2');
    rig.stack({ web: rig.puppet('web', { labels: { new: 'yes' }, develop: { watch: [sync()] } }) });
    await rig.next('web');
    await rig.ok(['down']);
    expect(await rig.ps()).toEqual([]);
  });
});
