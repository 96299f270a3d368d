import { expect, test } from 'vitest';
import {
  blkioBytes,
  fieldOf,
  ioStatBytes,
  networkBytes,
  numberIn,
  pressureIn,
  processIoBytes,
} from '../../../../src/runtime/linux/usage/parse.ts';
import { readUsage } from '../../../../src/runtime/linux/usage/usage.ts';

test('a field is found by its whole name, at the beginning of a line', () => {
  const text = 'usage_usec 12\nsystem_usec 34\nnr_throttled 5\n';
  expect([fieldOf(text, 'usage_usec'), fieldOf(text, 'system_usec'), fieldOf(text, 'throttled')]).toEqual([
    12,
    34,
    undefined,
  ]);
});

test('no limit is no number, in the words of both versions', () => {
  expect(['42\n', 'max\n', '-1\n', '9223372036854771712\n', undefined].map(numberIn)).toEqual([
    42,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
});

test('network bytes are summed over interfaces, without the loopback', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     900      9    0    0    0     0          0         0      900       9    0    0    0     0       0          0
  eth0:    1000     10    0    0    0     0          0         0     2000      20    0    0    0     0       0          0
  eth1: 5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0
`;
  expect(networkBytes(text)).toEqual({ in: 1005, out: 2007 });
});

test('disk bytes are summed over devices, from whatever counts them', () => {
  expect(ioStatBytes('8:0 rbytes=10 wbytes=20 rios=1 wios=1\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n')).toEqual({
    in: 11,
    out: 22,
  });
  expect(blkioBytes('8:0 Read 10\n8:0 Write 20\n8:0 Sync 0\n8:0 Total 30\nTotal 30\n')).toEqual({ in: 10, out: 20 });
  expect(processIoBytes('rchar: 1\nread_bytes: 3\nwrite_bytes: 4\ncancelled_write_bytes: 9\n')).toEqual({
    in: 3,
    out: 4,
  });
});

test('pressure is the share of the last ten seconds in which somebody waited', () => {
  expect(pressureIn('some avg10=1.25 avg60=0.00 avg300=0.00 total=9\nfull avg10=9.00\n')).toBe(1.25);
  expect(pressureIn(undefined)).toBeUndefined();
});

const reading = (files: { readonly [path: string]: string }) => ({
  read: (path: string) => files[path],
});

test('with all controllers in cgroup2 everything comes from there', () => {
  const files = reading({
    '/v2/cpu.stat': 'usage_usec 5000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 700\n',
    '/v2/cpu.max': '50000 100000\n',
    '/v2/memory.current': '3000\n',
    '/v2/memory.stat': 'anon 1\ninactive_file 1000\n',
    '/v2/memory.max': 'max\n',
    '/v2/memory.peak': '4000\n',
    '/v2/memory.events': 'oom 1\noom_kill 2\n',
    '/v2/pids.current': '3\n',
    '/v2/pids.max': '50\n',
    '/v2/io.stat': '8:0 rbytes=1 wbytes=2\n',
  });
  const cgroups = { v1: [], v2: { dir: '/v2', parents: [], base: '/', enable: [] } };
  expect(readUsage({ name: 'web-1' as never, cgroups, pid: 7 }, files as never)).toEqual({
    container: 'web-1',
    atMs: expect.any(Number),
    cpuUs: 5000,
    cpuLimit: 0.5,
    throttled: { periods: 4, of: 10, us: 700 },
    memoryBytes: 2000,
    memoryPeakBytes: 4000,
    oomKills: 2,
    disk: { in: 1, out: 2 },
    pids: 3,
    pidsLimit: 50,
  });
});

test('where a controller lives in v1, its own files are read', () => {
  const files = reading({
    '/cpu/cpu.stat': 'nr_periods 2\nnr_throttled 1\nthrottled_time 5000\n',
    '/cpu/cpu.cfs_quota_us': '-1\n',
    '/cpu/cpu.cfs_period_us': '100000\n',
    '/cpu/cpuacct.usage': '9000000\n',
    '/memory/memory.usage_in_bytes': '3000\n',
    '/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 1000\n',
    '/memory/memory.limit_in_bytes': '64000\n',
  });
  const leaf = (dir: string, ...controllers: string[]) => ({
    dir,
    parents: [],
    base: '/',
    hierarchy: { controllers, base: '/' },
  });
  const cgroups = { v1: [leaf('/cpu', 'cpu', 'cpuacct'), leaf('/memory', 'memory')] };
  expect(readUsage({ name: 'web-1' as never, cgroups, pid: 7 }, files as never)).toMatchObject({
    cpuUs: 9000,
    throttled: { periods: 1, of: 2, us: 5 },
    memoryBytes: 2000,
    memoryLimitBytes: 64000,
  });
});
