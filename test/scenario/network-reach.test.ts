import { afterAll, beforeAll, describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { answering, ask, idle, inside, ownState } from '../support/networked.ts';
import { PrivateHost, shell } from '../support/private-host.ts';
import { Rig, scenario } from '../support/scenario.ts';

let host: PrivateHost;

describe('who reaches whom over networks', () => {
  beforeAll(async () => {
    host = await PrivateHost.make();
  });
  afterAll(() => host.close());

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
      expect(host.there('curl -s http://192.168.77.1:18100/')).toMatch(/^hits :\d+ sum 42 for 192\.168\.77\.2\n$/);
      expect(host.there('curl -s -g http://[fd77::1]:18100/')).toContain('sum 42');
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

  scenario(
    'egress works where Docker drops what it does not know, and nothing of it stays',
    ['socat', 'iptables'],
    async (rig) => {
      host.serveThere('socat', 'TCP-LISTEN:7002,fork,reuseaddr', 'SYSTEM:echo outside');
      const dockers =
        'iptables -w -N DOCKER-USER; iptables -w -A FORWARD -j DOCKER-USER; iptables -w -P FORWARD DROP; iptables -w -A DOCKER-USER -j RETURN';
      rig.environment = ownState(rig);
      for (const rules of ['iptables -w -P FORWARD DROP', dockers]) {
        shell(rules);
        const before = shell(
          'iptables-save -t filter | grep -v "^[#:]"; sysctl -a 2>/dev/null | grep -E "forward|accept_ra|rp_filter" | grep -v "tsc"',
        );
        rig.stack({ probe: idle() });
        await rig.up();
        await eventually(async () =>
          expect(await inside(rig, 'probe', 'socat -T2 - TCP:192.168.77.2:7002,connect-timeout=2')).toBe('outside\n'),
        );
        await rig.ok(['down']);
        expect(
          shell(
            'iptables-save -t filter | grep -v "^[#:]"; sysctl -a 2>/dev/null | grep -E "forward|accept_ra|rp_filter" | grep -v "tsc"',
          ),
        ).toBe(before);
        shell('iptables -w -P FORWARD ACCEPT; iptables -w -F; iptables -w -X');
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
