import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { ended, scenario } from '../support/scenario.ts';

/** The hash of what the puppet's `flood` writes: numbered lines of 16 bytes. */
function hashOfFlood(bytes: number): string {
  const hash = createHash('sha256');
  const perBlock = 65_536;
  for (let line = 0; line * 16 < bytes; line += perBlock) {
    const lines = Array.from({ length: Math.min(perBlock, bytes / 16 - line) }, (_, i) =>
      String(line + i).padStart(15, '0'),
    );
    hash.update(`${lines.join('\n')}\n`);
  }
  return hash.digest('hex');
}

/** Hash and length of what `logs` prints: a gigabyte is too much to keep. */
async function hashOfLogs(rig: Parameters<Parameters<typeof scenario>[2]>[0], service: string) {
  const child = rig.start(['logs', '--no-log-prefix', service]);
  const hash = createHash('sha256');
  let bytes = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, bytes, hash: hash.digest('hex') };
}

/** The inodes that a process watches by inotify(7). */
const watchedBy = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/fdinfo`)
    .flatMap((fd) => [...readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8').matchAll(/^inotify .* ino:([0-9a-f]+)/gm)])
    .map(([, inode = '']) => Number.parseInt(inode, 16));

describe('logs', () => {
  scenario(
    'hold a gigabyte from a pipe, every byte of it',
    [],
    async (rig) => {
      const bytes = 1_000_000_000;
      rig.stack({ flood: rig.puppet('flood', { logging: { options: { 'max-size': '400m', 'max-file': '4' } } }) });
      await rig.up();
      const flood = await rig.next('flood');
      await flood.do(`flood 1 ${bytes}`);
      flood.tell('exit 0');
      await over(rig, 'flood');
      expect(await hashOfLogs(rig, 'flood')).toEqual({ code: 0, bytes, hash: hashOfFlood(bytes) });
    },
    180_000,
  );

  scenario('keep the newest part when they are rotated, and no more than they may', [], async (rig) => {
    rig.stack({ flood: rig.puppet('flood', { logging: { options: { 'max-size': '1m', 'max-file': '3' } } }) });
    await rig.up();
    const flood = await rig.next('flood');
    await flood.do('flood 1 10000000');
    await flood.print('the end\n');
    flood.tell('exit 0');
    await over(rig, 'flood');
    const { stdout } = await rig.ok(['logs', '--no-log-prefix', 'flood']);
    expect(stdout.length).toBeGreaterThan(1_900_000);
    expect(stdout.length).toBeLessThan(3 * (1 << 20) + 65_536);
    expect(stdout.endsWith('000000000624999\nthe end\n')).toBe(true);
  });

  scenario('keep a last line that has no newline', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('first\nlast without newline');
    web.tell('exit 0');
    await over(rig, 'web');
    expect((await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout.trimEnd()).toBe('first\nlast without newline');
  });

  scenario('pass bytes on that are no text', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i).filter((byte) => byte !== 10));
    await web.do(`out ${bytes.toString('hex')}0a`);
    web.tell('exit 0');
    await over(rig, 'web');
    const child = rig.start(['logs', '--no-log-prefix', 'web']);
    const chunks: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk));
    await new Promise((resolve) => child.once('close', resolve));
    expect(Buffer.concat(chunks).toString('hex')).toBe(`${bytes.toString('hex')}0a`);
  });

  scenario('tell stdout and stderr of all services apart by prefix, in the order written', [], async (rig) => {
    rig.stack({ a: rig.puppet('a'), b: rig.puppet('b') });
    await rig.up();
    const [a, b] = [await rig.next('a'), await rig.next('b')];
    for (const [puppet, text] of [
      [a, 'one'],
      [b, 'two'],
      [a, 'three'],
      [b, 'four'],
    ] as const) {
      await puppet.print(`${text}\n`);
      await eventually(async () => expect((await rig.ok(['logs'])).stdout).toContain(text));
    }
    const lines = (await rig.ok(['logs'])).stdout.trim().split('\n');
    expect(
      lines.map((line) =>
        line
          .split('|')
          .map((part) => part.trim())
          .join('|'),
      ),
    ).toEqual([
      expect.stringMatching(/^a\S*\|one$/),
      expect.stringMatching(/^b\S*\|two$/),
      expect.stringMatching(/^a\S*\|three$/),
      expect.stringMatching(/^b\S*\|four$/),
    ]);
  });

  scenario('show the last lines with --tail, and go on with --follow', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('one\ntwo\nthree\n');
    await eventually(async () =>
      expect((await rig.ok(['logs', '--tail', '1', '--no-log-prefix'])).stdout).toBe('three\n'),
    );
    const follow = rig.start(['logs', '-f', '--tail', '2', '--no-log-prefix']);
    let shown = '';
    follow.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    await eventually(() => expect(shown).toBe('two\nthree\n'));
    await web.print('four\n');
    await eventually(() => expect(shown).toBe('two\nthree\nfour\n'));
    follow.kill('SIGINT');
    await new Promise((resolve) => follow.once('close', resolve));
  });

  scenario(
    'have no files before there is something to keep, and who follows hears of the first of it',
    [],
    async (rig) => {
      rig.stack({ web: rig.puppet('web') });
      await rig.up();
      const web = await rig.next('web');
      const directory = `/var/lib/tscompose/projects/${rig.project}/containers/${rig.project}-web-1/log`;
      expect(readdirSync(directory)).toEqual([]);
      expect((await rig.ok(['logs', '-n', '3'])).stdout).toBe('');
      const follow = rig.start(['logs', '-f', '--no-log-prefix']);
      let shown = '';
      follow.stdout?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      const heard = () => watchedBy(follow.pid as number);
      await eventually(() => expect(heard()).toContain(statSync(directory).ino));
      await web.print('first\n');
      await eventually(() => expect(shown).toBe('first\n'));
      expect(readdirSync(directory).sort()).toEqual(['index', 'log']);
      await eventually(() => {
        expect(heard()).toContain(statSync(`${directory}/index`).ino);
        expect(heard()).not.toContain(statSync(directory).ino);
      });
      follow.kill('SIGINT');
      await new Promise((resolve) => follow.once('close', resolve));
    },
  );

  scenario('are cut by --since and --until, and timed with -t', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const moments: number[] = [];
    for (const text of ['one', 'two', 'three']) {
      await web.print(`${text}\n`);
      await eventually(async () => expect((await rig.ok(['logs'])).stdout).toContain(text));
      moments.push(Date.now());
    }
    const cut = async (...flags: string[]) => (await rig.ok(['logs', '--no-log-prefix', ...flags])).stdout;
    const seconds = (at: number) => String((moments[at] as number) / 1000);
    expect(await cut('--since', seconds(0))).toBe('two\nthree\n');
    expect(await cut('--until', new Date(moments[1] as number).toISOString())).toBe('one\ntwo\n');
    expect(await cut('--since', seconds(0), '--until', seconds(1))).toBe('two\n');
    expect(await cut('--until', seconds(1), '--tail', '1')).toBe('two\n');
    expect(await cut('--since', '1h')).toBe('one\ntwo\nthree\n');
    expect(await cut('-t', '--since', seconds(1))).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z three\n$/);
    const wrong = await rig.cli(['logs', '--since', 'yesterday']);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('"yesterday" is no time for --since')]);
  });

  scenario('of one replica, as JSON', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { deploy: { replicas: 2 }, command: ['/bin/inspect'] }) });
    await rig.up();
    await eventually(async () => {
      const { code, stderr } = await rig.cli(['logs', '--index', '9', 'web']);
      const remedy = '  = see which there are with: tscompose ps -a\n';
      expect([code, stderr]).toEqual([1, `error: project ${rig.project} has no container of web number 9\n${remedy}`]);
      const lines = (await rig.ok(['logs', '--index', '2', '--json'])).stdout.trim().split('\n');
      const objects = lines.map((line) => JSON.parse(line));
      expect(new Set(objects.map(({ container }) => container))).toEqual(new Set([`${rig.project}-web-2`]));
      expect(objects[0]).toEqual({
        container: `${rig.project}-web-2`,
        stream: 'stdout',
        timeMs: expect.any(Number),
        text: expect.any(String),
      });
    });
  });

  scenario(
    'followed, go on with the next life, with a new replica and with what was recreated, and end with the last',
    [],
    async (rig) => {
      const stack = (replicas: number, more = {}) =>
        rig.stack({ web: rig.puppet('web', { deploy: { replicas }, environment: more }) });
      stack(1);
      await rig.up();
      const first = await rig.next('web');
      const follow = rig.start(['logs', '-f', 'web']);
      let shown = '';
      follow.stdout?.on('data', (chunk: Buffer) => {
        shown += chunk.toString();
      });
      const end = ended(follow);
      await first.print('life one\n');
      await eventually(() => expect(shown).toContain('web-1 | life one'));
      await rig.ok(['restart']);
      const second = await rig.next('web');
      await second.print('life two\n');
      await eventually(() => expect(shown).toContain('web-1 | life two'));
      await rig.up('--scale', 'web=2');
      const other = await rig.next('web');
      await other.print('one more\n');
      await eventually(() => expect(shown).toContain('web-2 | one more'));
      stack(1, { CHANGED: 'yes' });
      await rig.up();
      const anew = await rig.next('web');
      await anew.print('made anew\n');
      await eventually(() => expect(shown).toContain('web-1 | made anew'));
      anew.tell('exit 5');
      expect((await end).code).toBe(0);
      expect(shown).toMatch(/web-1 exited with code 5\n$/);
    },
  );

  scenario('that nothing will be added to are printed by -f, which then ends', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.print('all there is\n');
    web.tell('exit 0');
    await over(rig, 'web');
    expect((await rig.ok(['logs', '-f', '--no-log-prefix'])).stdout).toBe('all there is\n');
  });
});
