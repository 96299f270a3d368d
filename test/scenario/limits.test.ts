import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { wholeDisk } from '../support/capabilities.ts';
import { cgroupDirectory, limitFile, over, running, usedCpuUs } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { scenario } from '../support/scenario.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('limits', () => {
  scenario(
    'hold an endless loop with cpus: 0.5 to half a core',
    ['cpu controller'],
    async (rig) => {
      rig.stack({ loop: rig.puppet('loop', { cpus: 0.5 }) });
      await rig.up();
      await (await rig.next('loop')).do('spin');
      const { pid } = await running(rig, 'loop');
      const share = async () => {
        const began = performance.now();
        const before = usedCpuUs(pid);
        await pause(5000);
        return (usedCpuUs(pid) - before) / ((performance.now() - began) * 1000);
      };
      // Others may keep the loop from getting its half on a busy machine; never may it get more.
      for (let window = 1; ; window++) {
        const got = await share();
        expect(got).toBeLessThan(0.55);
        if (got > 0.45) break;
        expect(window, `it got ${got} of a core`).toBeLessThan(8);
      }
    },
    90_000,
  );

  scenario(
    'have a process over 64 MiB killed, and ps, logs and the record say that it was for memory',
    ['memory controller'],
    async (rig) => {
      rig.stack({ hog: rig.puppet('hog', { mem_limit: '64m', memswap_limit: '64m' }) });
      await rig.up();
      const hog = await rig.next('hog');
      await hog.print('last words\n');
      hog.tell('hog 256');
      await hog.gone;
      const { status } = await over(rig, 'hog');
      expect(status).toMatchObject({ kind: 'exited', exitCode: 137, signal: 'SIGKILL', oomKilled: true });
      expect((await rig.ok(['ps', '-a'])).stdout).toMatch(/out of memory|OOM/i);
      const logs = await rig.ok(['logs', 'hog']);
      expect(logs.stdout).toContain('last words');
      expect(logs.stderr).toContain(`${rig.project}-hog-1 exited with code 137, out of memory`);
    },
  );

  scenario('of input and output are kept for each device', ['blkio controller'], async (rig) => {
    const { path = '', numbers } = wholeDisk() ?? {};
    const blkio_config = {
      device_read_bps: [{ path, rate: '3mb' }],
      device_write_iops: [{ path, rate: 120 }],
    };
    rig.stack({ web: rig.puppet('web', { blkio_config }) });
    await rig.up();
    const { pid } = await running(rig, 'web');
    // v1 has a file for each kind of limit, v2 one line for each device.
    const kept = (v1: string) => limitFile(pid, 'blkio', v1, 'io.max');
    expect(kept('blkio.throttle.read_bps_device')).toMatch(new RegExp(`^${numbers} (.*rbps=)?${3 << 20}\\b`, 'm'));
    expect(kept('blkio.throttle.write_iops_device')).toMatch(new RegExp(`^${numbers} (.*wiops=)?120\\b`, 'm'));
    const none = { device_read_bps: [{ path: '/dev/absent', rate: '3mb' }] };
    rig.stack({ web: rig.puppet('web', { blkio_config: none }) });
    const { code, stderr } = await rig.cli(['up', '-d']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/\/dev\/absent.*\n.*stack\.yml:\d+:\d+/);
  });

  scenario(
    'are in force before the first instruction, and written where the kernel reads them',
    ['memory controller', 'pids controller', 'cpu controller'],
    async (rig) => {
      rig.stack({ web: rig.puppet('web', { mem_limit: '64m', pids_limit: 40, cpus: 0.25 }) });
      await rig.up();
      await rig.next('web');
      const { pid } = await running(rig, 'web');
      expect(limitFile(pid, 'memory', 'memory.limit_in_bytes', 'memory.max')).toBe(String(64 << 20));
      expect(limitFile(pid, 'pids', 'pids.max', 'pids.max')).toBe('40');
      expect(limitFile(pid, 'cpu', 'cpu.cfs_quota_us', 'cpu.max').split(' ')[0]).toBe('25000');
    },
  );

  scenario(
    'stop a fork bomb at pids_limit, and down removes it within two seconds',
    ['pids controller', 'cpu controller'],
    async (rig) => {
      // Half a core: a bomb that eats the whole machine would bomb the other tests too.
      rig.stack({ bomb: rig.puppet('bomb', { pids_limit: 60, cpus: 0.5, stop_grace_period: '100ms' }) });
      await rig.up();
      (await rig.next('bomb')).tell('bomb');
      const { pid } = await running(rig, 'bomb');
      await eventually(() => {
        expect(limitFile(pid, 'pids', 'pids.current', 'pids.current')).toBe('60');
      });
      const processes = readFileSync(join(cgroupDirectory(pid, ''), 'cgroup.procs'), 'utf8')
        .trim()
        .split('\n');
      expect(processes.length).toBeLessThanOrEqual(60);
      const down = await rig.ok(['down']);
      expect(down.ms).toBeLessThan(2000);
    },
  );

  scenario('on open files are set, and one above what the host allows is clamped with a warning', [], async (rig) => {
    rig.stack({
      low: rig.puppet('low', { ulimits: { nofile: { soft: 100, hard: 200 } } }),
      high: rig.puppet('high', { ulimits: { nofile: 100_000_000 } }),
    });
    await rig.hold();
    const up = await rig.ok(['up', '-d']);
    const { pid } = await running(rig, 'low');
    // PID 1 keeps its own limits, so that a tiny one cannot break the exit record: the command is its child.
    const command = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    expect(readFileSync(`/proc/${command}/limits`, 'utf8')).toMatch(/^Max open files +100 +200 /m);
    await running(rig, 'high');
    expect(up.stderr).toContain('nofile');
  });
});
