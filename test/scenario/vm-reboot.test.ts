import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { missing, promised } from '../support/capabilities.ts';
import { runInVm } from '../support/vm/machine.ts';
import { vmShell } from '../support/vm/shell.ts';

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

const setUp = `${vmShell}
t() { node /vm/dist/tscompose.cjs -f /vm/$stack.yml --progress quiet "$@"; }
projects=/var/lib/tscompose/projects
`;

const firstBoot = `${setUp}
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
until [ -e $projects/late ]; do :; done
echo b >/proc/sysrq-trigger
`;

const secondBoot = `${setUp}
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
echo "left $(find /run/tscompose $projects /var/lib/tscompose/volumes -mindepth 1; ls -d /sys/fs/cgroup/tscompose 2>&1 | grep -v 'No such')"
`;

const reasons = missing(['root', 'vm with systemd']);
const here = reasons.length === 0;
let first = '';
let second = '';
const after = (start: string): string =>
  second
    .split('\n')
    .find((line) => line.startsWith(start))
    ?.slice(start.length)
    .trim() ?? '';
const statusIn = (output: string, label: string) =>
  JSON.parse(new RegExp(`^${label} (\\{.*)$`, 'm').exec(output)?.[1] ?? 'null')?.status;

describe.skipIf(!here && !promised(['vm']))(
  `a machine whose power is cut${here ? '' : ` (skipped: ${reasons.join(', ')})`}`,
  () => {
    beforeAll(async () => {
      const scratch = mkdtempSync(join(tmpdir(), 'tscompose-disk-'));
      try {
        const disk = join(scratch, 'disk');
        writeFileSync(disk, '');
        truncateSync(disk, 256 * 1024 * 1024);
        execFileSync('mke2fs', ['-q', '-t', 'ext4', disk]);
        const machine = { systemd: true, disk, files: { 'unit.yml': unitStack, 'late.yml': lateStack } };
        first = (await runInVm({ ...machine, script: firstBoot })).output;
        second = (await runInVm({ ...machine, script: secondBoot })).output;
      } finally {
        rmSync(scratch, { recursive: true });
      }
    }, 400_000);

    test('runs its unit, and another stack comes up, when that happens', () => {
      expect(first).toContain('first: active running, 2 services run');
      expect(statusIn(first, 'first')).toMatchObject({ kind: 'running' });
      expect(first).toMatch(/sysrq: Resetting\n$/);
    });

    test('knows afterwards what ran, what had ended, and that the reboot was the reason', () => {
      expect(statusIn(second, 'before')).toMatchObject({ kind: 'exited', reboot: true });
      expect(statusIn(second, 'past')).toMatchObject({ kind: 'exited', exitCode: 3 });
      expect(after('why ')).toBe('0');
      expect(second).toContain('was ended by a reboot');
    });

    test('starts what its unit is for, with the data of its volumes', () => {
      expect(after('boot ')).toBe('0');
      expect(after('second: ')).toMatch(/^active running, /);
      expect(statusIn(second, 'after')).toMatchObject({ kind: 'running' });
      expect(after('lives ')).toBe('2');
    });

    test('completes the stack that was coming up', () => {
      expect(after('late ')).toBe('0');
      for (const service of ['one', 'two', 'three'])
        expect(statusIn(second, service), service).toMatchObject({ kind: 'running' });
    });

    test('keeps nothing once both are down', () => {
      expect(after('down ')).toBe('0');
      expect(after('down too ')).toBe('0');
      expect(after('left')).toBe('');
    });
  },
);
