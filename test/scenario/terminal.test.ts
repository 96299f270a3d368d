import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { inTerminal, type Terminal, tscompose } from '../support/terminal.ts';

describe('in a terminal', () => {
  inTerminal('up shows one line a container, then their output, and Ctrl-C stops them', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web'), job: rig.puppet('job', { depends_on: ['web'] }) });
    terminal.type(tscompose(rig, 'up'));
    await (await rig.next('web')).print('first words\n');
    await (await rig.next('job')).print('working\n');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 +\| first words/));
    await eventually(() => expect(terminal.screen()).toMatch(/job-1 +\| working/));
    expect(terminal.screen()).toMatch(/\[\+\] up 2\/2/);
    expect(terminal.screen()).toMatch(new RegExp(`✔ ${rig.project}-job-1 +started`));
    terminal.press('C-c');
    // Until then what is typed is for up.
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 exited with code[\s\S]*ready:/));
    terminal.type('echo code $?');
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('d leaves the containers running and gives the terminal back', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    terminal.type(tscompose(rig, 'up'));
    await (await rig.next('web')).print('first words\n');
    await eventually(() => expect(terminal.screen()).toContain('d detaches, Ctrl-C stops'));
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 +\| first words/));
    terminal.press('d');
    await eventually(() => expect(terminal.screen()).toContain('detached; the containers go on running'));
    terminal.type('echo code $?; stty -a | grep -o -- "-*icanon"');
    await eventually(() => expect(terminal.screen()).toMatch(/^code 0\nicanon$/m));
    expect((await rig.row('web')).status.kind).toBe('running');
  });

  inTerminal('rm asks before it removes, and takes only a yes for one', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    await rig.ok(['stop']);
    for (const [answer, left] of [
      ['n', 1],
      ['y', 0],
    ] as const) {
      terminal.type(`${tscompose(rig, 'rm')}; echo "asked for ${answer}"`);
      await eventually(() => expect(terminal.screen()).toMatch(/remove \S+-web-1\? \[y\/N\] *$/m));
      terminal.type(answer);
      await eventually(() => expect(terminal.screen()).toMatch(new RegExp(`^asked for ${answer}$`, 'm')));
      expect(await rig.ps()).toHaveLength(left);
    }
  });

  inTerminal('Ctrl-Z suspends an up that shows output, and fg goes on with it', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    terminal.type(tscompose(rig, 'up'));
    const web = await rig.next('web');
    await eventually(() => expect(terminal.screen()).toContain('d detaches, Ctrl-C stops'));
    terminal.press('C-z');
    await eventually(() => expect(terminal.screen()).toMatch(/\[1\].*Stopped/));
    terminal.type('fg');
    await web.print('still there\n');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 +\| still there/));
    terminal.press('C-c');
    await eventually(() => expect(terminal.screen()).toMatch(/web-1 exited with code/));
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('a failure leaves its block with the line of the file, and a usable terminal', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web', { command: ['/bin/absent'] }) });
    terminal.type(`${tscompose(rig, 'up')}; echo code $?`);
    await eventually(() => expect(terminal.screen()).toContain('code 3'));
    expect(terminal.screen()).toMatch(/error\[command-missing\]/);
    expect(terminal.screen()).toContain('^');
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('a kill -9 in the middle leaves a usable terminal', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '30s' }) });
    await rig.up();
    await (await rig.next('web')).do('ignore 15');
    terminal.type(`${tscompose(rig, 'down')} & sleep 1; kill -9 $!; wait; clear; echo still here`);
    await eventually(() => expect(terminal.screen()).toMatch(/^still here/m));
    expect(terminal.isSane()).toBe(true);
    await rig.ok(['kill']);
  });

  inTerminal('exec gives the command a terminal and its exit code', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    await rig.next('web');
    terminal.type(`${tscompose(rig, 'exec web /bin/inspect')} >/dev/null; echo code $?`);
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('says what a container waits for and since when, at every size of the terminal', async (rig, terminal) => {
    rig.stack(needy(rig));
    // Under a sh, so that the shell takes no notice when it is stopped for the time of a resize.
    terminal.type(`sh -c '${tscompose(rig, 'up -d')}; :'`);
    const waits = new RegExp(`${rig.project}-web-1 +created, waiting \\d+\\.\\ds for ${rig.project}-db-1 to`);
    terminal.resize(110, 24);
    await eventually(() => expect(terminal.screen()).toMatch(waits));
    const since = Number(/waiting (\d+\.\d)s for/.exec(terminal.screen())?.[1]);
    await eventually(() =>
      expect(Number(/waiting (\d+\.\d)s for/.exec(terminal.screen())?.[1])).toBeGreaterThan(since),
    );
    // What a narrower terminal breaks may scroll out of the screen, where nobody can draw over it: older pictures may stay
    // above. The last one is whole and goes on, and nothing else was drawn over.
    for (const [columns, rows] of [
      [80, 24],
      [40, 12],
      [24, 6],
      [110, 24],
    ] as const) {
      const before = await showsPictureAfter(terminal, since);
      await terminal.resizeWhileStill(columns, rows);
      await showsPictureAfter(terminal, before);
    }
    expect(terminal.screen()).toContain('ready:sh');
    await eventually(() => expect(terminal.screen()).toMatch(waits));
    rig.write('shared/good', '');
    await eventually(() => expect(terminal.screen()).toMatch(/2 containers run after \d+\.\ds/), { withinMs: 20_000 });
    // One picture, whatever happened to the terminal in between.
    expect(terminal.screen()).toMatch(new RegExp(`✔ ${rig.project}-web-1 +started`));
    expect(terminal.screen().match(/^\[\+\] up 2\/2/gm)).toHaveLength(1);
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal(
    'Ctrl-C while it waits leaves a usable terminal and says with 130 that it did not finish',
    async (rig, terminal) => {
      rig.stack(needy(rig));
      terminal.type(`${tscompose(rig, 'up -d')}; echo code $?`);
      await eventually(() => expect(terminal.screen()).toMatch(/waiting \d+\.\ds for/));
      terminal.press('C-c');
      await eventually(() => expect(terminal.screen()).toContain('code 130'));
      expect(terminal.isSane()).toBe(true);
      terminal.type('stty -a | grep -o -- "-*icanon"');
      await eventually(() => expect(terminal.screen()).toMatch(/^icanon$/m));
    },
  );

  inTerminal('hanging up in the middle ends it, and the next up brings the rest', async (rig, terminal) => {
    rig.stack(needy(rig));
    terminal.type(tscompose(rig, 'up -d'));
    await eventually(() => expect(terminal.screen()).toMatch(/waiting \d+\.\ds for/));
    terminal.press('C-z');
    await eventually(() => expect(terminal.screen()).toMatch(/Stopped/));
    terminal.type('kill -HUP %1; fg; clear; echo after');
    await eventually(() => expect(terminal.visible()).toMatch(/^after/m));
    expect(terminal.isSane()).toBe(true);
    rig.write('shared/good', '');
    await rig.ok(['up', '-d']);
    expect((await rig.row('web')).status.kind).toBe('running');
  });

  inTerminal('shows forty containers in a small terminal, each once when all is done', async (rig, terminal) => {
    const names = Array.from({ length: 40 }, (_, i) => `worker-${String(i).padStart(3, '0')}`);
    const gate = rig.puppet('gate', { 'x-tscompose': { probes: { readiness: { notify: true } } } });
    const waiting = rig.puppet('other', { depends_on: { gate: { condition: 'service_healthy' } } });
    rig.stack({
      gate,
      ...Object.fromEntries(names.map((name, i) => [name, i % 4 === 0 ? waiting : rig.puppet('other')])),
    });
    terminal.resize(60, 24);
    terminal.type(tscompose(rig, 'up -d; echo code $?'));
    await eventually(() => expect(terminal.visible()).toMatch(/ {3}… \d+ more/));
    expect(terminal.visible().split('\n')[0]).toMatch(/^\[\+\] up \d+\/41 +\d\.\ds$/);
    await (await rig.next('gate')).do(`notify ${Buffer.from('READY=1').toString('hex')}`);
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    const shown = terminal.screen().split('\n');
    expect(shown.filter((line) => line.startsWith('[+] up'))).toEqual([expect.stringContaining('up 41/41')]);
    for (const name of names) expect(shown.filter((line) => line.includes(name)).length, name).toBe(1);
    expect(terminal.isSane()).toBe(true);
  });

  inTerminal('writes plain lines to a terminal that can do no more', async (rig, terminal) => {
    rig.stack({ web: rig.puppet('web') });
    terminal.type(`TERM=dumb script -qec '${tscompose(rig, 'up -d')}' written >/dev/null; echo code $?`);
    await eventually(() => expect(terminal.screen()).toContain('code 0'));
    const written = readFileSync(rig.path('written'), 'latin1');
    expect(written).toContain(`${rig.project}-web-1  started`);
    expect(written).not.toContain('\x1b');
  });

  inTerminal('ends with the addresses of what it has published, and how long it took', async (rig, terminal) => {
    const { network_mode: _, ...web } = rig.puppet('web', { ports: ['127.0.0.1::80', '127.0.0.1::5432'] });
    rig.stack({ web });
    terminal.type(tscompose(rig, 'up -d'));
    await rig.next('web');
    await eventually(() => expect(terminal.screen()).toMatch(/^1 container runs after \d+\.\ds$/m));
    expect(terminal.screen()).toMatch(/^ {2}http:\/\/127\.0\.0\.1:\d+ +web, port 80$/m);
    expect(terminal.screen()).toMatch(/^ {2}127\.0\.0\.1:\d+ +web, port 5432$/m);
  });
});

/** Waits until the screen ends with a whole picture that is later than `seconds`; gives its time. */
const showsPictureAfter = (terminal: Terminal, seconds: number): Promise<number> =>
  eventually(() => {
    const time = /^\[\+\] up 0\/2 +(\d+\.\d)s\n [^\n]+\n [^\n]+\s*$/m.exec(terminal.visible())?.[1];
    expect(Number(time)).toBeGreaterThan(seconds);
    return Number(time);
  });

/** web waits for db, which is healthy as soon as there is a file shared/good. */
const needy = (rig: Rig) => {
  rig.write('shared/keep', '');
  return {
    db: {
      rootfs: { host: ['/bin/sh', '/bin/sleep'] },
      command: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done'],
      network_mode: 'none',
      stop_grace_period: '1s',
      volumes: ['./shared:/shared'],
      healthcheck: { test: ['CMD-SHELL', 'test -e /shared/good'], interval: '200ms', retries: 1000 },
    },
    web: rig.puppet('web', { depends_on: { db: { condition: 'service_healthy' } } }),
  };
};

describe('whose reader has gone', () => {
  scenario('up does its work all the same, and tells with its exit code how it went', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), late: rig.puppet('late', { depends_on: ['web'] }) });
    await rig.hold();
    const deaf = (args: string[]) => {
      const child = rig.start(args);
      child.stdout?.destroy();
      child.stderr?.destroy();
      return new Promise<number | null>((resolve) => child.once('exit', resolve));
    };
    expect(await deaf(['up', '-d'])).toBe(0);
    expect((await rig.ps()).map(({ service, status }) => [service, status.kind])).toEqual([
      ['late', 'running'],
      ['web', 'running'],
    ]);
    expect(await deaf(['exec', 'nobody', 'true'])).not.toBe(0);
    expect(await deaf(['ps'])).toBe(0);
    expect(await deaf(['down'])).toBe(0);
    expect(await rig.ps()).toEqual([]);
  });

  scenario('logs -f ends, whichever of the two streams it was', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    const follow = rig.start(['logs', '-f']);
    const over = new Promise((resolve) => follow.once('exit', resolve));
    await web.print('first\n');
    await new Promise((resolve) => follow.stdout?.once('data', resolve));
    follow.stdout?.destroy();
    await web.print('second\n');
    await over;
  });
});
