import { existsSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { type Rig, scenario } from '../support/scenario.ts';

/** A stack as text, so that lines and columns are known. */
const stackText = (rig: Rig, port: number): string => `services:
  web:
    rootfs: ./root
    command: [/bin/puppet, /strings/ctl, web]
    network_mode: none
    stop_grace_period: 1s
    volumes: [./strings:/strings, /anon]
    env_file: [app.env]
    environment:
      PORT: "${port}"
    configs: [{ source: app, target: /app.conf }]
configs:
  app: { file: ./app.conf }
name: ${rig.project}
`;

function write(rig: Rig, { port = 8080, env = 'A=1', conf = 'one' } = {}): void {
  rig.puppetRoot();
  rig.write('stack.yml', stackText(rig, port));
  rig.write('app.env', `${env}\n`);
  rig.write('app.conf', `${conf}\n`);
}

const planOf = async (rig: Rig) => (await rig.ok(['plan'])).stdout;

describe('plan', () => {
  scenario(
    'names every field that has changed with its values and its place, and up says the same',
    [],
    async (rig) => {
      write(rig);
      await rig.up();
      const before = await running(rig, 'web');
      expect(await planOf(rig)).toBe('nothing to do\n');
      expect((await rig.cli(['plan', '--detailed-exitcode'])).code).toBe(0);

      write(rig, { port: 9090, env: 'A=2', conf: 'two' });
      expect(await planOf(rig)).toBe(`recreate ${rig.project}-web-1:
  environment.A 1 → 2, app.env:1:1
  environment.PORT 8080 → 9090, stack.yml:10:13
  mounts./app.conf.content changed, stack.yml:11:15
`);
      expect((await rig.cli(['plan', '--detailed-exitcode'])).code).toBe(2);
      const json = JSON.parse((await rig.ok(['plan', '--json'])).stdout);
      expect(json.steps.find(({ action }: { action: string }) => action === 'create').cause).toMatchObject({
        kind: 'changed',
        changes: [
          { path: 'environment.A', from: '1', to: '2', at: 'app.env:1:1' },
          { path: 'environment.PORT', from: '8080', to: '9090', at: 'stack.yml:10:13' },
          { path: 'mounts./app.conf.content', at: 'stack.yml:11:15' },
        ],
      });
      const { stderr } = await rig.up();
      expect(stderr).toContain('web-1  creating: environment.A 1 → 2, app.env:1:1; environment.PORT 8080 → 9090');
      expect((await running(rig, 'web')).pid).not.toBe(before.pid);
      expect(await planOf(rig)).toBe('nothing to do\n');
    },
  );

  scenario('prints the setup program of a service, which is what is then carried out', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { hostname: 'shown', pids_limit: 77, read_only: true, cap_drop: ['ALL'] }) });
    const { stdout } = await rig.ok(['plan', '--setup', 'web']);
    const at = (line: string | RegExp) => {
      const index = stdout
        .split('\n')
        .findIndex((each) => (typeof line === 'string' ? each === line : line.test(each)));
      expect(index, String(line)).toBeGreaterThan(-1);
      return index;
    };
    // Limits before there is a process, the root before what is put into it, and nothing after what forbids it.
    const order = [
      at('hold:'),
      at(/^ {2}write 0 \S+pids\.max 77 {2}# resources\.pids$/),
      at('setup:'),
      at(/^ {2}root-overlay /),
      at('  pivot'),
      at('  hostname shown  # hostname'),
      at('  root-readonly  # readOnly'),
      at('process:'),
      at(/^ {2}caps {2}# capDrop$/),
      at('  exec /bin/puppet /strings/ctl web  # argv'),
      at('cleanup:'),
    ];
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(existsSync(`/var/lib/tscompose/projects/${rig.project}`)).toBe(false);
    const { code, stderr } = await rig.cli(['plan', '--setup', 'wbe']);
    expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining('did you mean "web"?')]);
    expect(code).not.toBe(0);
  });

  scenario('sees what only the machine can tell: a container that has ended, one that is gone', [], async (rig) => {
    write(rig);
    await rig.up();
    (await rig.next('web')).tell('exit 3');
    await eventually(async () => expect(await planOf(rig)).toBe(`start ${rig.project}-web-1: has ended\n`));
    await rig.ok(['rm', '-f']);
    expect(await planOf(rig)).toBe(`create ${rig.project}-web-1: does not exist\n`);
  });
});

describe('anonymous volumes', () => {
  scenario('are handed on to the successor, and with -V they are fresh', [], async (rig) => {
    write(rig);
    await rig.up();
    await (await rig.next('web')).do('write /anon/kept 31');
    write(rig, { port: 9090 });
    await rig.up();
    expect(await (await rig.next('web')).say('list /anon')).toContain('kept');
    await rig.up('--force-recreate', '-V');
    expect(await (await rig.next('web')).say('list /anon')).not.toContain('kept');
  });

  scenario('outlive an rm without -v, and go with down -v', [], async (rig) => {
    write(rig);
    await rig.up();
    await rig.ok(['rm', '-sf']);
    expect((await rig.ok(['down', '-v'])).stderr).toMatch(/volume \S+-web-1-\w+ +removed/);
  });
});

describe('a named service', () => {
  scenario('is made anew with --force-recreate alone, and its dependency with it on demand', [], async (rig) => {
    rig.stack({ db: rig.puppet('db'), web: rig.puppet('web', { depends_on: ['db'] }) });
    await rig.up();
    const pids = async () => [(await running(rig, 'db')).pid, (await running(rig, 'web')).pid];
    const [db, web] = await pids();
    await rig.up('--force-recreate', 'web');
    const [sameDb, otherWeb] = await pids();
    expect([sameDb === db, otherWeb === web]).toEqual([true, false]);
    await rig.up('--always-recreate-deps', 'web');
    expect((await pids())[0]).not.toBe(db);
  });

  scenario('is the only one that is made with --no-deps, and nothing runs with --no-start', [], async (rig) => {
    rig.stack({ db: rig.puppet('db'), web: rig.puppet('web', { depends_on: ['db'] }) });
    await rig.up('--no-deps', '--no-start', 'web');
    expect((await rig.ps()).map(({ service, status }) => [service, status.kind])).toEqual([['web', 'created']]);
    await rig.up('--scale', 'web=2', '--no-deps', 'web');
    expect((await rig.ps()).map(({ name }) => name)).toEqual([`${rig.project}-web-1`, `${rig.project}-web-2`]);
  });

  scenario('stays as it is with --no-recreate, but starts when it has ended', [], async (rig) => {
    write(rig);
    await rig.up();
    const { pid } = await running(rig, 'web');
    write(rig, { port: 9090 });
    await rig.up('--no-recreate');
    expect((await running(rig, 'web')).pid).toBe(pid);
    await rig.ok(['stop', '-t', '0']);
    await rig.up('--no-recreate');
    await running(rig, 'web');
    expect(await planOf(rig)).toContain('environment.PORT 8080 → 9090');
  });

  scenario('is scaled up to the lowest free numbers, and down from the highest', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up('--scale', 'web=3');
    const names = async () => (await rig.ps()).map(({ name }) => name.slice(-1));
    expect(await names()).toEqual(['1', '2', '3']);
    await rig.ok(['scale', 'web=2']);
    expect(await names()).toEqual(['1', '2']);
    await rig.ok(['scale', 'web=0']);
    expect(await names()).toEqual([]);
    expect((await rig.cli(['scale', 'web=-1'])).code).toBe(2);
    expect((await rig.ok(['plan', '--scale', 'web=1'])).stdout).toContain(`create ${rig.project}-web-1`);
    const unknown = await rig.cli(['up', '-d', '--scale', 'wbe=2']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toContain('did you mean "web"?');
  });
});

describe('a container whose service left the file', () => {
  scenario('is named by up, not with COMPOSE_IGNORE_ORPHANS; COMPOSE_REMOVE_ORPHANS removes it', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), old: rig.puppet('old') });
    await rig.up();
    rig.stack({ web: rig.puppet('web') });
    const warning = 'services that are not in the file';
    expect((await rig.up()).stderr).toContain(warning);
    const ignoring = { env: { COMPOSE_IGNORE_ORPHANS: 'True' } };
    expect((await rig.cli(['up', '-d'], ignoring)).stderr).not.toContain(warning);
    expect((await rig.cli(['up', '-d', '--remove-orphans'], ignoring)).code).toBe(2);
    expect((await rig.ps()).map(({ service }) => service)).toEqual(['old', 'web']);
    const removing = { env: { COMPOSE_REMOVE_ORPHANS: '1' } };
    const dry = await rig.ok(['up', '-d', '--dry-run'], removing);
    expect([dry.stdout, dry.stderr]).toEqual([`remove ${rig.project}-old-1: its service is not in the file\n`, '']);
    await rig.ok(['up', '-d'], removing);
    expect((await rig.ps()).map(({ service }) => service)).toEqual(['web']);
    rig.stack({ new: rig.puppet('new') });
    await rig.ok(['down'], removing);
    expect(await rig.ps()).toEqual([]);
  });
});
