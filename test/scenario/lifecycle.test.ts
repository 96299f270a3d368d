import { describe, expect } from 'vitest';
import { over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { ended, scenario } from '../support/scenario.ts';

describe('the end of a container', () => {
  for (const code of [0, 3, 255]) {
    scenario(`by exit ${code} is recorded with that code`, [], async (rig) => {
      rig.stack({ job: rig.puppet('job') });
      await rig.up();
      (await rig.next('job')).tell(`exit ${code}`);
      expect((await over(rig, 'job')).status).toMatchObject({ kind: 'exited', exitCode: code, oomKilled: false });
    });
  }

  scenario('by a signal is recorded with its name', [], async (rig) => {
    rig.stack({ job: rig.puppet('job') });
    await rig.up();
    (await rig.next('job')).tell('raise 15');
    expect((await over(rig, 'job')).status).toMatchObject({ kind: 'exited', exitCode: 143, signal: 'SIGTERM' });
  });

  scenario('comes with its stop signal, when it ends by it', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_signal: 'SIGUSR1', stop_grace_period: '30s' }) });
    await rig.up();
    await rig.next('web');
    const down = await rig.ok(['down']);
    expect(down.ms).toBeLessThan(10_000);
    expect((await rig.ok(['stop', 'web'])).stderr).toContain('nothing of web is running in project');
  });

  scenario('comes after its grace, when it ignores the signal', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '1s' }) });
    await rig.up();
    const web = await rig.next('web');
    await web.do('ignore 15');
    const down = await rig.ok(['down']);
    expect(down.ms).toBeGreaterThan(1000);
    expect(down.ms).toBeLessThan(4000);
    expect(processesOf(rig.project)).toEqual([]);
  });

  scenario('comes at once with kill, which returns', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '10m' }) });
    await rig.up();
    await (await rig.next('web')).do('ignore 15');
    await rig.ok(['kill'], { timeoutMs: 10_000 });
    expect((await over(rig, 'web')).status).toMatchObject({ kind: 'exited', exitCode: 137, signal: 'SIGKILL' });
    expect((await rig.cli(['kill'])).code).toBe(1);
  });

  scenario('takes everything with it that it had started', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const web = await rig.next('web');
    await web.do('fork 20');
    await web.do('leave');
    web.tell('exit 0');
    await over(rig, 'web');
    await eventually(() => expect(processesOf(rig.project).filter((p) => p.command === 'puppet')).toEqual([]));
  });
});

describe('a container that cannot be started', () => {
  scenario('because it does not exist ends with 127 and is named', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { command: ['no-such-program', '--flag'] }) });
    const up = await rig.cli(['up', '-d']);
    expect(up.code).not.toBe(0);
    expect(up.stderr).toContain('no-such-program');
    expect(up.stderr).toMatch(/stack\.yml:\d+:\d+/);
  });

  scenario('because it is not executable ends with 126 and is named', [], async (rig) => {
    rig.puppetRoot();
    rig.write('root/bin/data', 'no program at all');
    rig.stack({ web: rig.puppet('web', { command: ['/bin/data'] }) });
    const up = await rig.cli(['up', '-d']);
    expect(up.code).not.toBe(0);
    expect(up.stderr).toContain('/bin/data');
  });

  scenario('because its ELF interpreter is missing says which one', [], async (rig) => {
    rig.puppetRoot();
    const { copyFileSync, realpathSync } = await import('node:fs');
    copyFileSync(realpathSync('/bin/true'), rig.path('root/bin/true'));
    rig.stack({ web: rig.puppet('web', { command: ['/bin/true'] }) });
    const up = await rig.cli(['up', '-d']);
    expect(up.code).not.toBe(0);
    expect(up.stderr).toMatch(/ld-linux|ld-musl/);
  });

  scenario('leaves the others running, and the next up or down goes on from there', [], async (rig) => {
    // Only the kernel knows that this setting does not exist.
    const broken = rig.puppet('broken', { sysctls: { 'net.ipv4.nonsense': '1' }, depends_on: ['good'] });
    rig.stack({ good: rig.puppet('good'), broken });
    await rig.hold();
    const up = await rig.cli(['up', '-d']);
    expect(up.code).toBe(1);
    expect(up.stderr).toContain('net.ipv4.nonsense');
    expect(up.stderr).toMatch(/good-1 +started/);
    const { pid } = await running(rig, 'good');
    rig.stack({ good: rig.puppet('good'), broken: rig.puppet('broken', { depends_on: ['good'] }) });
    await rig.up();
    await rig.next('broken');
    expect((await running(rig, 'good')).pid).toBe(pid);
  });
});

describe('up', () => {
  scenario('does nothing when nothing has changed', [], async (rig) => {
    rig.stack({ a: rig.puppet('a'), b: rig.puppet('b', { depends_on: ['a'] }) });
    await rig.up();
    const before = [(await running(rig, 'a')).pid, (await running(rig, 'b')).pid];
    const plan = await rig.ok(['plan', '--json']);
    await rig.ok(['up', '-d']);
    expect([(await running(rig, 'a')).pid, (await running(rig, 'b')).pid]).toEqual(before);
    expect(JSON.parse(plan.stdout)).toMatchObject({ steps: [] });
  });

  scenario('recreates only what has changed, and the plan names the field', [], async (rig) => {
    const stack = (greeting: string) =>
      rig.stack({ a: rig.puppet('a', { environment: { GREETING: greeting } }), b: rig.puppet('b') });
    stack('hello');
    await rig.up();
    const before = { a: (await running(rig, 'a')).pid, b: (await running(rig, 'b')).pid };
    stack('good day');
    const plan = (await rig.ok(['plan'])).stdout;
    expect(plan).toContain('environment.GREETING');
    expect(plan).toMatch(/stack\.yml:\d+/);
    await rig.ok(['up', '-d']);
    expect((await running(rig, 'b')).pid).toBe(before.b);
    expect((await running(rig, 'a')).pid).not.toBe(before.a);
  });

  scenario('in the foreground shows the output and stops everything at Ctrl-C', [], async (rig) => {
    rig.stack({ web: rig.puppet('web'), job: rig.puppet('job') });
    await rig.hold();
    const up = rig.start(['up']);
    let shown = '';
    up.stdout?.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    const run = ended(up);
    const web = await rig.next('web');
    await (await rig.next('job')).print('working\n');
    await web.print('listening\n');
    await eventually(() => {
      expect(shown).toMatch(/web.*listening/);
      expect(shown).toMatch(/job.*working/);
    });
    up.kill('SIGINT');
    expect([0, 130]).toContain((await run).code);
    expect(processesOf(rig.project).filter((p) => p.command === 'puppet')).toEqual([]);
  });

  scenario('in the foreground kills what still lives at the second Ctrl-C', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '60s' }) });
    await rig.hold();
    const up = rig.start(['up']);
    const run = ended(up);
    const web = await rig.next('web');
    await web.do('ignore 15');
    up.kill('SIGINT');
    await eventually(async () => expect((await rig.row('web')).status.kind).toMatch(/running|stopping/));
    await new Promise((resolve) => setTimeout(resolve, 300));
    up.kill('SIGINT');
    const { code, ms } = await run;
    expect(code).not.toBe(0);
    expect(ms).toBeLessThan(20_000);
    await web.gone;
  });

  scenario('waits for another command of the same project, and says for whom', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { stop_grace_period: '3s' }) });
    await rig.up();
    await (await rig.next('web')).do('ignore 15');
    const down = rig.start(['down']);
    const downEnded = ended(down);
    await eventually(() => expect(processesOf(rig.project).length).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 700));
    const up = await rig.ok(['up', '-d']);
    expect((await downEnded).code).toBe(0);
    expect(up.stderr).toContain('waiting');
    await rig.next('web');
  });
});
