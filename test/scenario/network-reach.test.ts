import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { processesOf } from '../support/leaks.ts';
import { answering, ask, idle, inside } from '../support/networked.ts';
import { afterwards, ownHost, PrivateHost, shell } from '../support/private-host.ts';
import { Rig, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

describe('who reaches whom over networks', () => {
  const host = ownHost();

  scenario(
    'a web application finds redis and PostgreSQL by name',
    ['nginx', 'redis-server', 'postgres', 'socat'],
    async (rig) => {
      const psql = shell('ls /usr/lib/postgresql/*/bin/psql').trim().split('\n').at(-1) ?? 'psql';
      const app = `
      const { createServer, connect } = require('node:net');
      const { execFileSync } = require('node:child_process');
      require('node:http').createServer((request, response) => {
        const redis = connect(6379, 'cache');
        redis.on('error', (error) => response.end(String(error)));
        redis.write('INCR hits\\r\\n');
        redis.once('data', (bytes) => {
          redis.destroy();
          let sum;
          try { sum = execFileSync('${psql}', ['-h', 'db', '-U', 'app', '-d', 'postgres', '-Atc', 'select 40 + 2'], { encoding: 'utf8' }); }
          catch (error) { sum = String(error.stderr); }
          response.end('hits ' + bytes.toString().trim() + ' sum ' + sum.trim() + ' for ' + request.headers['x-real-ip'] + '\\n');
        });
      }).listen(3000);`;
      rig.write('app.js', app);
      rig.write('passwd', 'root:x:0:0::/:/bin/sh\ndb:x:1000:1000::/:/bin/sh\n');
      const nginx = [
        'daemon off; error_log /dev/stderr; pid /tmp/nginx.pid; events {} http { access_log off;',
        'client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;',
        'server { listen 80; location / { proxy_set_header X-Real-IP $remote_addr; proxy_pass http://app:3000; } } }',
      ];
      rig.write('nginx.conf', nginx.join('\n'));
      const script = [
        'set -e',
        'initdb -D /data/db -A trust -U app >/dev/null',
        'echo host all all 0.0.0.0/0 trust >>/data/db/pg_hba.conf',
        'exec postgres -D /data/db -k /tmp -c listen_addresses=0.0.0.0',
      ];
      rig.stack(
        {
          front: {
            rootfs: { host: ['nginx', 'sh'] },
            command: ['nginx', '-c', '/nginx.conf'],
            volumes: ['./nginx.conf:/nginx.conf:ro'],
            tmpfs: ['/tmp'],
            ports: ['18100:80'],
            depends_on: ['app'],
            networks: ['outer'],
            stop_grace_period: '1s',
          },
          app: {
            rootfs: { host: ['node', psql, 'sh'] },
            command: ['node', '/app.js'],
            volumes: ['./app.js:/app.js:ro'],
            networks: ['outer', 'inner'],
            stop_grace_period: '1s',
          },
          cache: {
            rootfs: { host: ['redis-server'] },
            command: ['redis-server', '--save', '', '--dir', '/tmp', '--protected-mode', 'no'],
            tmpfs: ['/tmp'],
            networks: ['inner'],
            stop_grace_period: '1s',
          },
          db: {
            rootfs: { host: ['postgres', 'initdb', 'sh', 'cat'] },
            command: ['sh', '-c', script.join('; ')],
            user: '1000:1000',
            volumes: ['./passwd:/etc/passwd:ro'],
            tmpfs: ['/tmp', '/data:mode=1777'],
            shm_size: '128m',
            networks: ['inner'],
            stop_grace_period: '1s',
          },
        },
        { networks: { outer: {}, inner: { internal: true } } },
      );
      await rig.up();
      await eventually(() => expect(shell('curl -s http://127.0.0.1:18100/')).toMatch(/^hits :\d+ sum 42 for /), {
        withinMs: 30_000,
      });
      expect(host().there('curl -s http://192.168.77.1:18100/')).toMatch(/^hits :\d+ sum 42 for 192\.168\.77\.2\n$/);
      expect(host().there('curl -s -g http://[fd77::1]:18100/')).toContain('sum 42');
    },
    90_000,
  );

  scenario('two projects neither reach nor name each other', ['socat'], async (rig) => {
    const other = new Rig('other');
    try {
      other.stack({ web: answering(80, 'echo other') });
      rig.stack({ probe: idle() });
      await other.up();
      await rig.up();
      const address = (await inside(other, 'web', 'ip -4 -o addr show eth0')).match(/inet ([\d.]+)/)?.[1];
      await eventually(async () => expect(await inside(other, 'web', 'socat -T2 - TCP:127.0.0.1:80')).toBe('other\n'));
      expect(await inside(rig, 'probe', `socat -T1 - TCP:${address}:80,connect-timeout=1`)).not.toContain('other\n');
      expect(await inside(rig, 'probe', 'getent hosts web; echo $?')).toBe('2\n');
      expect(shell(`socat -T1 - TCP:${address}:80,connect-timeout=1`)).not.toContain('other\n');
    } finally {
      await other.close();
    }
  });

  scenario('a service lives in the network of a container of another project', ['socat'], async (rig) => {
    const other = new Rig('other');
    try {
      other.stack({ web: answering(80, 'echo other'), db: answering(81, 'echo db') });
      rig.stack({ probe: idle({ network_mode: `container:${other.project}-web-1` }) });
      const early = await rig.cli(['up', '-d']);
      expect([early.code, early.stderr]).toEqual([1, expect.stringContaining(`the network of ${other.project}-web-1`)]);
      await other.up();
      await rig.up();
      await eventually(async () => expect(await inside(rig, 'probe', 'socat -T2 - TCP:127.0.0.1:80')).toBe('other\n'));
      expect(await inside(rig, 'probe', 'socat -T2 - TCP:db:81')).toBe('db\n');
      await other.ok(['down']);
      expect(await inside(rig, 'probe', 'socat -T2 - TCP:127.0.0.1:80')).toContain('refused');
    } finally {
      await rig.ok(['down', '-t', '0']);
      await other.close();
    }
  });

  scenario(
    'the way out works where Docker drops what it does not know, for IPv6 too, and nothing of it stays',
    ['socat', 'iptables'],
    async (rig) => {
      host().serveThere('socat', 'TCP6-LISTEN:7002,fork,reuseaddr', 'SYSTEM:echo outside saw $SOCAT_PEERADDR');
      const all = 'iptables -w -P FORWARD DROP; ip6tables -w -P FORWARD DROP';
      const dockers = 'iptables -w -N DOCKER-USER; iptables -w -A FORWARD -j DOCKER-USER';
      // A host that learns its routes from its neighbours, as most do.
      shell('echo 1 >/proc/sys/net/ipv6/conf/lan/accept_ra');
      rig.stack({ probe: idle() }, { networks: { default: { enable_ipv6: true } } });
      const none = 'for t in iptables ip6tables; do $t -w -P FORWARD ACCEPT; $t -w -F; $t -w -X; done';
      afterwards(none);
      for (const rules of [all, `${all}; ${dockers}`]) {
        shell(`${none}; ${rules}`);
        const before = traces();
        await rig.up();
        const reach = (address: string) => inside(rig, 'probe', `socat -T2 - TCP:${address}:7002,connect-timeout=2`);
        await eventually(async () => expect(await reach('192.168.77.2')).toContain('ffff:c0a8:4d01'));
        await eventually(async () =>
          expect(await reach('[fd77::2]')).toContain('fd77:0000:0000:0000:0000:0000:0000:0001'),
        );
        expect(shell('cat /proc/sys/net/ipv6/conf/lan/accept_ra')).toBe('2\n');
        await rig.ok(['down']);
        await eventually(() => expect(traces()).toBe(before));
      }
    },
  );

  scenario('a service lives in the network of another, of the host, or in none', ['socat'], async (rig) => {
    const services = {
      pod: idle({ ports: ['18120:80'] }),
      web: answering(80, 'echo together', { network_mode: 'service:pod' }),
      lone: idle({ network_mode: 'none' }),
      bridged: idle({ network_mode: 'bridge' }),
      open: idle({ networks: ['outer'] }),
      shut: idle({ networks: ['nothing'] }),
    };
    rig.stack(services, { networks: { outer: { external: true, name: 'host' }, nothing: { driver: 'none' } } });
    await rig.up();
    await eventually(() => expect(ask('127.0.0.1:18120')).toBe('together\n'));
    expect(await inside(rig, 'pod', 'socat -T2 - TCP:127.0.0.1:80')).toBe('together\n');
    for (const service of ['lone', 'shut']) expect(await inside(rig, service, 'ip -br link')).toMatch(/^lo\s.*\n$/);
    expect(await inside(rig, 'bridged', 'socat -T2 - TCP:pod:80')).toBe('together\n');
    expect(await inside(rig, 'open', 'ip -br addr show lan')).toContain(PrivateHost.address);
  });
});

describe('a network namespace that is gone', () => {
  ownHost();

  scenario('leaves no memory of what was changed in it, once another project comes', [], async (rig) => {
    rig.stack({ web: idle() });
    const known = memories();
    const script = 'ip link set lo up; echo 0 >/proc/sys/net/ipv4/ip_forward; exec "$@"';
    const up = [process.execPath, join(root, 'dist/tscompose.cjs'), '-f', rig.path('stack.yml'), '-p', rig.project];
    execFileSync('unshare', ['--net', 'sh', '-c', script, 'sh', ...up, 'up', '-d'], { stdio: 'pipe' });
    const [memory = ''] = memories().filter((name) => !known.includes(name));
    expect(memory).toMatch(/^netns-/);
    // From here nobody finds the way back into it.
    await rig.ok(['down']);
    await eventually(() => expect(processesOf(rig.project)).toEqual([]));
    expect(memories()).toContain(memory);
    await rig.ok(['up', '-d']);
    expect(memories()).not.toContain(memory);
  });
});

const memories = (): readonly string[] => readdirSync('/run/tscompose').filter((name) => name.startsWith('netns-'));

/** Everything a way out could leave on the host: rules, and sysctls by which packets are let through. */
function traces(): string {
  return shell(
    'iptables-save | grep -v "^[#:]"; ip6tables-save | grep -v "^[#:]"; sysctl -a 2>/dev/null | grep -E "forward|accept_ra|rp_filter|route_localnet"; ip -br link',
  );
}
