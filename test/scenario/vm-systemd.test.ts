import { expect, test } from 'vitest';
import { describeBoot } from '../support/vm/scenario.ts';
import { unitShell } from '../support/vm/shell.ts';

// Neither systemd nor a clock that may be set is on the machine of the tests: both are in one of our own. One boot for all.
const unitStack = `
name: vm
x-box: &box
  rootfs: ./root
  network_mode: none
  stop_grace_period: 5s
services:
  web:
    <<: *box
    command: [busybox, sh, -c, 'trap "exit 0" TERM; while :; do sleep 1000 & wait; done']
    restart: always
  job:
    <<: *box
    command: [busybox, sh, -c, 'exit 3']
`;

const clockStack = `
name: clock
x-box: &box
  rootfs: ./root
  network_mode: none
  stop_grace_period: 5s
services:
  beat:
    <<: *box
    command: [busybox, sh, -c, 'trap "exit 0" TERM; while :; do sleep 1 & wait; done']
    healthcheck: { test: [CMD, busybox, 'true'], interval: 1s, start_period: 2s }
  flap:
    <<: *box
    command: [busybox, sh, -c, 'sleep 1; exit 1']
    deploy: { restart_policy: { condition: on-failure, delay: 1s } }
`;

const script = `${unitShell}
stack=unit
t install-unit
systemctl daemon-reload
systemctl start tscompose-vm; echo "start $?"
unit started
row first web
main=$(property MainPID)
echo "main $(cat /proc/$main/cgroup)"
kill -9 $main
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  sleep 1
  [ "$(property MainPID)" != $main ] && [ "$(property ActiveState)" = active ] && break
done
unit 'killed and back'
row second web
systemctl stop tscompose-vm; echo "stop $?"
unit stopped
row ended web
row done job
systemctl start tscompose-vm; echo "again $?"
unit 'started again'
row third web
systemctl stop tscompose-vm
t down; echo "down $?"
left
echo "processes $(cat /sys/fs/cgroup/system.slice/tscompose-vm.service/cgroup.procs 2>/dev/null | wc -l)"

stack=clock
seconds() { cut -d. -f1 /proc/uptime; }
restarts() { grep -c '"kind":"ended".*clock-flap-1' /var/lib/tscompose/projects/clock/events; }
t up -d
sleep 3
row now beat
date -s "@$(( $(date +%s) + 36000 ))" >/dev/null
from=$(restarts); sleep 6; echo "forward $(( $(restarts) - from ))"
row forward beat
date -s "@$(( $(date +%s) - 72000 ))" >/dev/null
from=$(restarts); sleep 6; echo "back $(( $(restarts) - from ))"
row back beat
from=$(seconds); t stop beat; echo "stopped after $(( $(seconds) - from ))"
row stopped beat
t down; echo "down too $?"
`;

const files = { 'unit.yml': unitStack, 'clock.yml': clockStack };

describeBoot('under systemd, in a machine of its own', { systemd: true, script, files }, (said) => {
  test('the unit that install-unit writes is started when its services run, and says so', () => {
    expect(said.after('start ')).toBe('0');
    expect(said.after('started: ')).toBe('active running, 2 services run, success');
    expect(said.after('main ')).toBe('0::/system.slice/tscompose-vm.service');
  });

  test('a killed command takes no container along: the next one goes on with them', () => {
    expect(said.after('killed and back: ')).toBe('active running, 2 services run, success');
    expect(said.status('first')).toMatchObject({ kind: 'running' });
    expect(said.status('second')).toEqual(said.status('first'));
  });

  test('stop ends the containers in peace, and start brings back what is to run', () => {
    expect(said.after('stop ')).toBe('0');
    expect(said.after('stopped: ')).toMatch(/^inactive dead, .*, success$/);
    expect(said.status('ended')).toMatchObject({ kind: 'exited', requested: true, exitCode: 0 });
    expect(said.status('done')).toMatchObject({ kind: 'exited', exitCode: 3 });
    expect(said.after('again ')).toBe('0');
    expect(said.after('started again: ')).toBe('active running, 2 services run, success');
    expect(said.status('third')).toMatchObject({ kind: 'running' });
  });

  test('down leaves nothing', () => {
    expect(said.after('down ')).toBe('0');
    expect(said.after('left')).toBe('');
    expect(said.after('processes ')).toBe('0');
  });

  test('a clock that is set ten hours ahead, then twenty back, stops no restart, no health check and no container', () => {
    expect(said.status('now')).toMatchObject({ kind: 'running', health: 'healthy' });
    for (const jump of ['forward', 'back']) {
      expect(Number(said.after(`${jump} `)), jump).toBeGreaterThan(0);
      expect(said.status(jump), jump).toEqual(said.status('now'));
    }
  });

  test('a stop waits no longer because of it', () => {
    expect(Number(said.after('stopped after '))).toBeLessThan(5);
    expect(said.status('stopped')).toMatchObject({ kind: 'exited', exitCode: 0 });
    expect(said.after('down too ')).toBe('0');
  });
});
