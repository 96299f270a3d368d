import { chmodSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { killed, monitorsOf, supervisorsOf } from '../support/leaks.ts';
import type { Puppet } from '../support/puppet.ts';
import { type Rig, type ServiceText, scenario } from '../support/scenario.ts';

const probes = (more: ServiceText) => ({ 'x-tscompose': { probes: more } });
const say = (puppet: Puppet, text: string): Promise<void> => puppet.do(`notify ${Buffer.from(text).toString('hex')}`);
const healthOf = async (rig: Rig, service: string) => (await rig.row(service)).status['health'];
const becomes = (rig: Rig, service: string, health: string) =>
  eventually(async () => expect(await healthOf(rig, service)).toBe(health));

describe('a container that speaks sd_notify', () => {
  scenario('is healthy once it says READY=1, and up --wait waits for that', [], async (rig) => {
    rig.stack({
      app: rig.puppet('app', { ...probes({ readiness: { notify: true } }), user: '1000:1000' }),
      web: rig.puppet('web', { depends_on: { app: { condition: 'service_healthy' } } }),
    });
    await rig.hold();
    chmodSync(rig.path('strings/ctl'), 0o666);
    const up = rig.cli(['up', '-d', '--wait']);
    const app = await rig.next('app');
    await say(app, 'STATUS=reading the index\n');
    await eventually(async () => expect((await rig.ok(['why', 'app'])).stdout).toContain('reading the index'));
    expect(await healthOf(rig, 'app')).toBe('starting');
    expect((await rig.ps()).find(({ service }) => service === 'web')?.status['kind']).toBe('created');
    await say(app, 'READY=1\nSTATUS=serving');
    const done = await up;
    expect(done.code, done.stderr).toBe(0);
    expect(await healthOf(rig, 'app')).toBe('healthy');
    expect((await rig.ok(['why', 'app'])).stdout).toContain('serving');
    // Nothing is left to look at, so nobody stays.
    await eventually(() => expect(supervisorsOf(rig.project)).toEqual([]));
  });

  scenario('is heard though its monitor and the supervisor were killed meanwhile', [], async (rig) => {
    rig.stack({ app: rig.puppet('app', probes({ readiness: { notify: true } })) });
    await rig.up();
    const app = await rig.next('app');
    const { pid } = await running(rig, 'app');
    for (const supervisor of supervisorsOf(rig.project)) killed(supervisor);
    for (const monitor of monitorsOf(rig.project)) killed(monitor.pid);
    await say(app, 'READY=1');
    await becomes(rig, 'app', 'healthy');
    expect((await running(rig, 'app')).pid).toBe(pid);
  });

  scenario('that says STOPPING=1 is asked nothing more while it ends', [], async (rig) => {
    const liveness = { notify: true, interval: '300ms', retries: 2 };
    rig.stack({ app: rig.puppet('app', { restart: 'no', ...probes({ liveness }) }) });
    await rig.up();
    const app = await rig.next('app');
    await say(app, 'READY=1\nWATCHDOG=1');
    const { pid } = await running(rig, 'app');
    await say(app, 'STOPPING=1');
    // Longer than it would have been left without WATCHDOG=1.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await running(rig, 'app')).pid).toBe(pid);
    app.tell('exit 0');
    await eventually(async () => expect((await rig.row('app')).status).toMatchObject({ kind: 'exited', exitCode: 0 }));
  });

  scenario('has to say it anew in every life', [], async (rig) => {
    rig.stack({ app: rig.puppet('app', { restart: 'always', ...probes({ readiness: { notify: true } }) }) });
    await rig.up();
    const first = await rig.next('app');
    await say(first, 'READY=1');
    await becomes(rig, 'app', 'healthy');
    first.tell('exit 1');
    const second = await rig.next('app');
    await becomes(rig, 'app', 'starting');
    await say(second, 'READY=1');
    await becomes(rig, 'app', 'healthy');
  });

  scenario('without an init does so too, and a read-only root is no hindrance', [], async (rig) => {
    const more = { init: false, read_only: true, tmpfs: ['/run'] };
    rig.stack({ app: rig.puppet('app', { ...more, ...probes({ readiness: { notify: true } }) }) });
    await rig.up();
    await say(await rig.next('app'), 'READY=1');
    await becomes(rig, 'app', 'healthy');
  });

  scenario('is restarted when its WATCHDOG=1 does not come in time any more', [], async (rig) => {
    const liveness = { notify: true, interval: '300ms', retries: 2 };
    rig.stack({ app: rig.puppet('app', probes({ liveness })) });
    await rig.up();
    const first = await rig.next('app');
    const environment = await first.say('read /proc/self/environ');
    expect(Buffer.from(environment, 'hex').toString()).toContain('WATCHDOG_USEC=300000');
    await say(first, 'WATCHDOG=1');
    const second = await rig.next('app');
    await say(second, 'WATCHDOG=trigger');
    await rig.next('app');
    const events = readFileSync(`/var/lib/tscompose/projects/${rig.project}/events`, 'utf8');
    expect(events).toContain('its last WATCHDOG=1 was');
    expect(events).toContain('it has said WATCHDOG=trigger');
  });
});
