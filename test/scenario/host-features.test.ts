import { spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { tracesOf } from '../support/leaks.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

const service = (more: object) => ({
  rootfs: { host: ['sleep'] },
  command: ['sleep', '1000'],
  network_mode: 'none',
  stop_grace_period: '0s',
  ...more,
});

/** A shell script that sees another host: in a mount namespace of its own. `tsc` is the command line of the rig. */
function elsewhere(rig: Rig, script: string): string {
  const cli = `tsc() { ${process.execPath} ${root}/dist/tscompose.cjs -p ${rig.project} -f ${rig.path('stack.yml')} "$@"; }`;
  const { stdout, status } = spawnSync('unshare', ['--mount', 'sh', '-c', `exec 2>&1\n${cli}\n${script}`], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: '' },
    timeout: 40_000,
  });
  expect(status, stdout).toBe(0);
  return stdout;
}

describe('a host that lacks', () => {
  scenario(
    'overlay refuses up with exit code 4, the reason and the remedy, and nothing is made',
    ['unshare'],
    (rig) => {
      rig.stack({ web: service({}) });
      const said = elsewhere(rig, 'mount --bind /dev/null /proc/filesystems; tsc up -d; echo "code $?"');
      expect(said).toMatch(/^error\[host-feature\]: cannot start containers: overlay: not in \/proc\/filesystems$/m);
      expect(said).toMatch(/^ *= modprobe overlay$/m);
      expect(said).toContain('code 4');
      expect(Object.values(tracesOf([rig.project])).flat()).toEqual([]);
      return Promise.resolve();
    },
  );

  scenario(
    'one controller names the limit that has no effect, and applies the others',
    ['unshare', 'v1 memory', 'cpu controller', 'pids controller'],
    (rig) => {
      rig.stack({ web: service({ cpus: 0.5, pids_limit: 17 }) });
      const said = elsewhere(
        rig,
        `
        while read -r device path type options rest; do
          case $type,$options in cgroup,*cpu,*|cgroup,*cpu) umount -l $path ;; esac
        done < /proc/self/mounts
        tsc up -d; echo "code $?"
        tsc limits
        tsc down
        `,
      );
      expect(said).toMatch(/warning\[host-feature\]: service "web": this limit has no effect: the cpu controller/);
      expect(said).toMatch(/--> .*stack\.yml:\d+:\d+\n[^^]*\^/);
      // Once, with its line, and not again when the container is made.
      expect(said.match(/cpu (cgroup )?controller/g)).toHaveLength(1);
      expect(said).toContain('code 0');
      expect(said).toMatch(/-web-1 +cpus +0\.5 +not applied/);
      expect(said).toMatch(/-web-1 +pids +17 +17/);
      return Promise.resolve();
    },
  );

  scenario('all cgroups runs containers without limits, stops and removes them', ['unshare'], (rig) => {
    rig.stack({ web: service({ mem_limit: '64m' }) });
    const said = elsewhere(
      rig,
      `
      umount -R -l /sys/fs/cgroup
      tsc up -d; echo "up $?"
      tsc ps
      tsc pause; echo "pause $?"
      tsc down; echo "down $?"
      `,
    );
    expect(said).toMatch(/this limit has no effect: the memory controller of the kernel is not available/);
    expect(said).toContain('up 0');
    expect(said).toMatch(/-web-1 .* Up /);
    expect(said).toMatch(/cannot pause .*\n(.*\n)*.*needs a cgroup2 file system/);
    expect(said).toContain('down 0');
    return Promise.resolve();
  });
});
