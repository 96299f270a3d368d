import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { runInVm } from '../support/vm/machine.ts';
import { describeVm, saidIn } from '../support/vm/scenario.ts';
import { unitShell } from '../support/vm/shell.ts';

// A machine whose power is cut and that is switched on again: one disk, two boots. What was not written to the disk by then
// is lost, as in life.
const box = `
  rootfs: ./root
  network_mode: none
  stop_grace_period: 5s`;

const unitStack = `
name: vm
x-box: &box${box}
services:
  web:
    <<: *box
    command: [busybox, sh, -c, 'trap "exit 0" TERM; echo life >>/data/lives; while :; do sleep 1000 & wait; done']
    restart: always
    volumes: [data:/data]
  job:
    <<: *box
    command: [busybox, sh, -c, 'exit 3']
volumes: { data: {} }
`;

const lateStack = `
name: late
x-box: &box${box}
  command: [busybox, sleep, '1000']
services:
  one: *box
  two: { <<: *box, depends_on: [one] }
  three: { <<: *box, depends_on: [two], volumes: ['kept:/kept'] }
volumes: { kept: {} }
`;

const firstBoot = `${unitShell}
stack=unit
t install-unit
systemctl daemon-reload
systemctl enable tscompose-vm
systemctl start multi-user.target; echo "boot $?"
unit first
row first web
row done job
sync
stack=late
t up -d &
until [ -e /var/lib/tscompose/projects/late ]; do :; done
echo b >/proc/sysrq-trigger
`;

const secondBoot = `${unitShell}
stack=unit
row before web
row past job
t why web; echo "why $?"
systemctl start multi-user.target; echo "boot $?"
unit second
row after web
echo "lives $(t exec web busybox grep -c life /data/lives)"
systemctl stop tscompose-vm
t down -v; echo "down $?"
stack=late
t up -d; echo "late $?"
for service in one two three; do row $service $service; done
t down -v; echo "down too $?"
left
`;

let first = saidIn('');
let second = saidIn('');

describeVm('a machine whose power is cut', 'vm with systemd', () => {
  beforeAll(async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'tscompose-disk-'));
    try {
      const disk = join(scratch, 'disk');
      writeFileSync(disk, '');
      truncateSync(disk, 256 * 1024 * 1024);
      execFileSync('mke2fs', ['-q', '-t', 'ext4', disk]);
      const machine = { systemd: true, disk, files: { 'unit.yml': unitStack, 'late.yml': lateStack } };
      first = saidIn((await runInVm({ ...machine, script: firstBoot })).output);
      second = saidIn((await runInVm({ ...machine, script: secondBoot })).output);
    } finally {
      rmSync(scratch, { recursive: true });
    }
  }, 400_000);

  test('runs its unit, and another stack comes up, when that happens', () => {
    expect(first.after('first: ')).toMatch(/^active running, 2 services run/);
    expect(first.status('first')).toMatchObject({ kind: 'running' });
    expect(first.lines.at(-2)).toMatch(/sysrq: Resetting$/);
  });

  test('knows afterwards what ran, what had ended, and that the reboot was the reason', () => {
    expect(second.status('before')).toMatchObject({ kind: 'exited', reboot: true });
    expect(second.status('past')).toMatchObject({ kind: 'exited', exitCode: 3 });
    expect(second.after('why ')).toBe('0');
    expect(second.lines.join('\n')).toContain('was ended by a reboot');
  });

  test('starts what its unit is for, with the data of its volumes', () => {
    expect(second.after('boot ')).toBe('0');
    expect(second.after('second: ')).toMatch(/^active running, /);
    expect(second.status('after')).toMatchObject({ kind: 'running' });
    expect(second.after('lives ')).toBe('2');
  });

  test('completes the stack that was coming up', () => {
    expect(second.after('late ')).toBe('0');
    for (const service of ['one', 'two', 'three'])
      expect(second.status(service), service).toMatchObject({ kind: 'running' });
  });

  test('keeps nothing once both are down', () => {
    expect(second.after('down ')).toBe('0');
    expect(second.after('down too ')).toBe('0');
    expect(second.after('left')).toBe('');
  });
});
