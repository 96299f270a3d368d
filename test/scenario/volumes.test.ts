import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { over } from '../support/checks.ts';
import { type Rig, type ServiceText, scenario } from '../support/scenario.ts';

const writer = (text: string): ServiceText => ({
  rootfs: { host: ['/bin/sh', '/bin/cat'] },
  command: ['/bin/sh', '-c', `echo ${text} >> /data/log; cat /data/log`],
  network_mode: 'none',
  volumes: ['data:/data'],
});

const bound = (rig: Rig, name: string) => ({
  data: { driver: 'local', driver_opts: { type: 'none', o: 'bind', device: rig.path(name) } },
});

describe('a named volume', () => {
  scenario(
    'with a device is that directory; another device makes its users anew, and no data goes',
    [],
    async (rig) => {
      for (const name of ['one', 'two']) mkdirSync(rig.path(name));
      rig.stack({ web: writer('first') }, { volumes: bound(rig, 'one') });
      await rig.up();
      await over(rig, 'web');
      expect(readFileSync(rig.path('one/log'), 'utf8')).toBe('first\n');
      rig.stack({ web: writer('first') }, { volumes: bound(rig, 'two') });
      const plan = (await rig.ok(['plan'])).stdout;
      expect(plan).toContain('recreate');
      expect(plan).toContain(`${rig.path('one')} → ${rig.path('two')}`);
      await rig.up();
      await over(rig, 'web');
      expect(readFileSync(rig.path('two/log'), 'utf8')).toBe('first\n');
      await rig.ok(['down', '-v']);
      for (const name of ['one', 'two']) expect(existsSync(rig.path(name, 'log'))).toBe(true);
    },
  );

  scenario('that gets a device keeps what it had until down -v', [], async (rig) => {
    mkdirSync(rig.path('one'));
    const own = `/var/lib/tscompose/volumes/${rig.project}_data/_data/log`;
    rig.stack({ web: writer('first') }, { volumes: { data: {} } });
    await rig.up();
    await over(rig, 'web');
    rig.stack({ web: writer('second') }, { volumes: bound(rig, 'one') });
    await rig.up();
    await over(rig, 'web');
    expect(readFileSync(rig.path('one/log'), 'utf8')).toBe('second\n');
    expect(readFileSync(own, 'utf8')).toBe('first\n');
    await rig.ok(['down', '-v']);
    expect(existsSync(own)).toBe(false);
  });

  scenario(
    'of a kind that is not mounted is refused, and nothing is an empty directory in its place',
    [],
    async (rig) => {
      const data = { driver_opts: { type: 'nfs', o: 'addr=10.0.0.1', device: ':/export' } };
      rig.stack({ web: writer('first') }, { volumes: { data } });
      const { code, stderr } = await rig.cli(['up', '-d']);
      expect(code).toBe(3);
      expect(stderr).toContain('nfs :/export is not of a kind that is mounted');
      expect(await rig.ps()).toEqual([]);
      expect(stderr).toContain('mount it on the host');
    },
  );

  scenario('on a tmpfs has its options', [], async (rig) => {
    const data = { driver_opts: { type: 'tmpfs', device: 'tmpfs', o: 'size=1m,mode=0700' } };
    rig.stack({ web: { ...writer('x'), command: ['/bin/cat', '/proc/mounts'] } }, { volumes: { data } });
    await rig.up();
    await over(rig, 'web');
    expect((await rig.ok(['logs', 'web'])).stdout).toMatch(/tmpfs \/data tmpfs \S*size=1024k,mode=700/);
  });
});
