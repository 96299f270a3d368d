import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { beside } from '../support/child.ts';
import { eventually } from '../support/eventually.ts';
import { ended, scenario } from '../support/scenario.ts';

/** A manager's end of NOTIFY_SOCKET: keeps what it is told. */
async function listen(path: string, address: string) {
  const socat = beside(spawn('socat', ['-u', address, 'STDOUT'], { stdio: ['ignore', 'pipe', 'inherit'] }));
  let heard = '';
  socat.stdout.on('data', (chunk: Buffer) => {
    heard += `[${chunk.toString()}]`;
  });
  await eventually(() => {
    const isThere = path.startsWith('@') ? readFileSync('/proc/net/unix', 'utf8').includes(path) : existsSync(path);
    expect(isThere).toBe(true);
  });
  return { heard: () => heard, close: () => socat.kill('SIGKILL') };
}

describe('under a service manager', () => {
  for (const kind of ['a path', 'an abstract name'] as const) {
    scenario(`up says when it is ready and when it stops, to ${kind}`, ['socat'], async (rig) => {
      rig.stack({ web: rig.puppet('web') });
      await rig.hold();
      const path = kind === 'a path' ? rig.path('notify') : `@${rig.project}`;
      const manager = await listen(
        path,
        kind === 'a path' ? `UNIX-RECV:${path}` : `ABSTRACT-RECV:${path.slice(1)},unix-tightsocklen=1`,
      );
      try {
        const up = rig.start(['up'], { env: { NOTIFY_SOCKET: path } });
        const run = ended(up);
        await rig.next('web');
        await eventually(() => expect(manager.heard()).toBe('[READY=1\nSTATUS=1 service runs]'));
        up.kill('SIGTERM');
        expect((await run).code).toBe(0);
        await eventually(() => expect(manager.heard()).toBe('[READY=1\nSTATUS=1 service runs][STOPPING=1]'));
      } finally {
        manager.close();
      }
    });
  }

  scenario('up runs all the same when nobody listens', [], async (rig) => {
    rig.stack({ job: rig.inspector() });
    await rig.ok(['up'], { env: { NOTIFY_SOCKET: rig.path('nobody') } });
  });

  scenario('a killed up leaves its containers, and the next one goes on with them', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    const first = rig.start(['up']);
    const firstRun = ended(first);
    const web = await rig.next('web');
    first.kill('SIGKILL');
    await firstRun;
    const second = rig.start(['up']);
    let shown = '';
    second.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    const secondRun = ended(second);
    await eventually(async () => {
      await web.print('the same\n');
      expect(shown).toContain('the same');
    });
    second.kill('SIGTERM');
    expect((await secondRun).code).toBe(0);
  });
});

describe('install-unit', () => {
  scenario('writes a unit that names the stack from anywhere, and says what is next', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { environment: { GREETING: '$' + '{GREETING:-hi}' } }) });
    const printed = await rig.ok(['install-unit', '--print'], { env: { GREETING: 'hello' } });
    expect(printed.stderr).toContain('warning: variables of this shell are not there at boot: GREETING');
    const file = rig.path('units', 'own.service');
    const { stdout, stderr } = await rig.ok(['install-unit', '-o', file]);
    expect(stdout).toBe(`${file}\n`);
    expect(stderr).toContain(`systemctl enable --now tscompose-${rig.project}`);
    const unit = readFileSync(file, 'utf8');
    expect(unit).toBe(printed.stdout);
    expect(unit).toContain('Type=notify\n');
    expect(unit).toContain('Delegate=yes\n');

    // The very command of the unit, as systemd would run it: from / and without the variables of a shell.
    const [, command = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? [];
    await rig.hold();
    const options = { cwd: '/', env: { PATH: process.env['PATH'] }, stdio: 'pipe' } as const;
    const child = beside(spawn('sh', ['-c', `exec ${command}`], options));
    const run = ended(child);
    await rig.next('web');
    child.kill('SIGTERM');
    expect((await run).code).toBe(0);
  });
});
