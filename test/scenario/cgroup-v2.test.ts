import { expect, test } from 'vitest';
import { describeBoot } from '../support/vm/scenario.ts';
import { vmShell } from '../support/vm/shell.ts';

// This machine's controllers live on v1, so the same limits are tried on pure v2 in a machine of our own. One boot for all.
const stack = `
name: vm
x-busybox: &busybox
  rootfs: ./root
  network_mode: none
  stop_grace_period: 1s
services:
  loop:
    <<: *busybox
    command: [busybox, sh, -c, 'while :; do :; done']
    cpus: 0.5
    cpu_shares: 512
    mem_limit: 64m
    mem_reservation: 32m
    memswap_limit: 64m
    pids_limit: 20
    cpuset: '0'
  view:
    <<: *busybox
    command: [busybox, sh, /view.sh]
    pids_limit: 30
  hog:
    <<: *busybox
    command: [busybox, tail, /dev/zero]
    mem_limit: 32m
    memswap_limit: 32m
  device:
    <<: *busybox
    command: [busybox, sh, /device.sh]
`;

const pidsStack = `
name: pids
x-busybox: &busybox
  rootfs: ./root
  network_mode: none
  stop_grace_period: 1s
services:
  full:
    <<: *busybox
    command: [busybox, sh, -c, 'for n in 1 2 3 4 5 6; do sleep 1000 & done; : >/tmp/full; wait']
    pids_limit: 8
    healthcheck: { test: [CMD, busybox, test, -e, /tmp/full], interval: 200ms }
  narrow:
    <<: *busybox
    command: [busybox, sleep, '1000']
    pids_limit: 1
    profiles: [narrow]
`;

const aroundStack = `
name: around
services:
  again:
    rootfs: ./root
    network_mode: none
    command: [busybox, sh, -c, 'trap "exit 3" USR1; sleep 1000 & wait']
    restart: always
    pids_limit: 8
`;

const viewScript = `
cat /proc/self/cgroup /sys/fs/cgroup/pids.max
echo 1000 > /sys/fs/cgroup/pids.max
echo write $?
sleep 1000
`;

// 1:11 is /dev/kmsg: it may be made, as with Docker, but not opened.
const deviceScript = `
head -c 1 /dev/zero | wc -c
mknod /tmp/kmsg c 1 11
cat /tmp/kmsg
echo kmsg $?
sleep 1000
`;

const script = `${vmShell}
cp view.sh device.sh root/
stack=stack
t up -d || exit 1
group=/sys/fs/cgroup/tscompose/vm
for file in cpu.max cpu.weight memory.max memory.low memory.swap.max pids.max cpuset.cpus; do
  echo "loop $file $(cat $group/vm-loop-1/$file)"
done
echo "populated $(cat $group/vm-loop-1/cgroup.events | head -1)"
before=$(sed -n 's/usage_usec //p' $group/vm-loop-1/cpu.stat); from=$(cut -d. -f1 /proc/uptime)
sleep 5
after=$(sed -n 's/usage_usec //p' $group/vm-loop-1/cpu.stat)
echo "usage $(( (after - before) / 50000 ))"
t logs --no-log-prefix view device
t pause loop && echo "frozen $(grep frozen $group/vm-loop-1/cgroup.events)" && t unpause loop
t ps -a --json > ps.jsonl
cat ps.jsonl | sed 's/^/ps /'
t down

stack=pids
t up -d --wait full; echo "healthy $? with $(cat /sys/fs/cgroup/tscompose/pids/pids-full-1/pids.current)"
t exec -T full busybox true; echo "exec $?"
t exec -T full busybox sh -c 'busybox true | busybox true'; echo "forking exec $?"
t up -d narrow; echo "narrow $?"
t down

stack=around
around=/sys/fs/cgroup/tscompose/around
seen() { for turn in $(seq 30); do t ps -a --json again | grep "kind.:.$1" && break; done | sed "s/^/seen $1 /"; }
t up -d
mkdir $around/full
for name in $(grep -l '^tsc:[mk]' /proc/[0-9]*/comm); do cut -d' ' -f1 \${name%comm}stat >$around/full/cgroup.procs; done
echo 1 >$around/full/pids.max
t kill -s USR1 again
seen exited
echo max >$around/full/pids.max
seen running
echo 1 >$around/full/pids.max
t stop; echo "stop $?"
t down; echo "down $?"
for pid in $(cat $around/full/cgroup.procs); do echo $pid >/sys/fs/cgroup/cgroup.procs; done
rmdir $around/full $around /sys/fs/cgroup/tscompose
left
`;

const files = {
  'stack.yml': stack,
  'pids.yml': pidsStack,
  'around.yml': aroundStack,
  'view.sh': viewScript,
  'device.sh': deviceScript,
};

describeBoot('on pure cgroup v2', { script, files }, (said) => {
  test('every limit is in the file of its controller', () => {
    expect(said.after('loop cpu.max')).toBe('50000 100000');
    expect(said.after('loop cpu.weight')).toBe('59');
    expect(said.after('loop memory.max')).toBe(String(64 << 20));
    expect(said.after('loop memory.low')).toBe(String(32 << 20));
    expect(said.after('loop memory.swap.max')).toBe('0');
    expect(said.after('loop pids.max')).toBe('20');
    expect(said.after('loop cpuset.cpus')).toBe('0');
  });

  test('a loop with half a processor uses half of one', () => {
    // Emulated and shared: the bound is wider than on the real machine, where five percent are asked for.
    expect(Number(said.after('usage'))).toBeGreaterThan(35);
    expect(Number(said.after('usage'))).toBeLessThan(60);
  });

  test('a container sees its own group as the root, and cannot change it', () => {
    expect(said.lines).toContain('0::/');
    expect(said.lines).toContain('30');
    expect(said.lines.find((line) => line.startsWith('write'))).not.toBe('write 0');
  });

  test('the device program lets the standard devices through and nothing else', () => {
    expect(said.lines).toContain('1');
    expect(said.lines.find((line) => line.startsWith('kmsg'))).toBe('kmsg 1');
  });

  test('a container is paused by the freezer of its group', () => {
    expect(said.after('frozen')).toBe('frozen 1');
  });

  test('a memory hog is killed, and that is known', () => {
    const hog = said.lines.find((line) => line.startsWith('ps ') && line.includes('vm-hog-1'));
    expect(JSON.parse(hog?.slice(3) ?? '{}').status).toMatchObject({
      kind: 'exited',
      oomKilled: true,
      exitCode: 137,
    });
  });

  test('what has all the processes it may have is looked into and checked, and what of that forks is refused', () => {
    expect(said.after('healthy ')).toBe('0 with 8');
    expect(said.after('exec ')).toBe('0');
    expect(said.after('forking exec ')).toBe('2');
  });

  test('what may not even have a second process is not started beside an init, with the reason', () => {
    expect(said.after('narrow ')).toBe('1');
    expect(said.lines).toContainEqual(expect.stringMatching(/^ += pids_limit, or a limit around all containers/));
  });

  test('a cgroup around our own processes that takes no more delays a restart, and no stop or down', () => {
    expect(JSON.parse(said.after('seen exited ') ?? '').status).toMatchObject({ kind: 'exited', exitCode: 3 });
    expect(JSON.parse(said.after('seen running ') ?? '')).toMatchObject({ restarts: 1 });
    expect(said.after('stop ')).toBe('0');
    expect(said.after('down ')).toBe('0');
  });

  test('down leaves nothing', () => {
    expect(said.after('left')).toBe('');
  });
});
