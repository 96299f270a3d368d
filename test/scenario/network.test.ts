import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { PrivateHost, shell } from '../support/private-host.ts';
import { Rig, type ServiceText, scenario } from '../support/scenario.ts';

let host: PrivateHost;
const tools = { rootfs: { host: ['sh', 'sleep', 'socat', 'curl', 'dig', 'ip', 'ping', 'cat', 'getent'] } };
const quick: ServiceText = { ...tools, stop_grace_period: '0s', init: true };

/** A service that answers every connection on a port with what a shell command prints. */
const answering = (port: number, command: string, more: ServiceText = {}): ServiceText => ({
  ...quick,
  command: ['socat', `TCP-LISTEN:${port},fork,reuseaddr`, `SYSTEM:${command}`],
  ...more,
});
const idle = (more: ServiceText = {}): ServiceText => ({ ...quick, command: ['sleep', '1000'], ...more });

const inside = async (rig: Rig, service: string, command: string): Promise<string> => {
  const run = await rig.cli(['exec', '-T', service, 'sh', '-c', command]);
  return run.stdout + run.stderr;
};
const ask = (address: string): string => shell(`socat -T2 - TCP:${address}`);

describe('networks', () => {
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
    'an internal network has no way out, names included; another service reaches its resolver',
    ['socat'],
    async (rig) => {
      host.serveThere('socat', 'TCP-LISTEN:7001,fork,reuseaddr', 'SYSTEM:echo outside saw $SOCAT_PEERADDR');
      rig.stack(
        { open: idle({ networks: ['default', 'closed'] }), shut: idle({ networks: ['closed'] }) },
        { networks: { closed: { internal: true } } },
      );
      await rig.up();
      const out = 'socat -T2 - TCP:192.168.77.2:7001,connect-timeout=2';
      await eventually(async () => expect(await inside(rig, 'open', out)).toBe('outside saw 192.168.77.1\n'));
      expect(await inside(rig, 'shut', out)).not.toContain('outside saw');
      expect(await inside(rig, 'shut', 'dig +tries=1 example.org')).toContain('status: NXDOMAIN');
      expect(await inside(rig, 'shut', 'dig +short open')).toMatch(/^10\./);
    },
  );

  scenario(
    'egress works where Docker drops what it does not know, and nothing of it stays',
    ['socat', 'iptables'],
    async (rig) => {
      host.serveThere('socat', 'TCP-LISTEN:7002,fork,reuseaddr', 'SYSTEM:echo outside');
      const dockers =
        'iptables -w -N DOCKER-USER; iptables -w -A FORWARD -j DOCKER-USER; iptables -w -P FORWARD DROP; iptables -w -A DOCKER-USER -j RETURN';
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

  scenario(
    'names outside are asked at the host’s resolvers, over UDP and TCP, or at those a service names',
    ['socat', 'dig', 'python3'],
    async (rig) => {
      // A resolver that answers every A question with 192.0.2.7, and over UDP cuts what begins with "long".
      rig.write(
        'resolver.py',
        `
import socket, struct, threading
def answer(q, udp):
    end = 12
    while q[end]: end += q[end] + 1
    question = q[12:end + 5]
    cut = udp and question[1:5] == b'long'
    head = q[:2] + (b'\\x83\\x80' if cut else b'\\x81\\x80') + b'\\0\\1' + (b'\\0\\0' if cut else b'\\0\\1') + b'\\0\\0\\0\\0'
    return head + question + (b'' if cut else b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4\\xc0\\0\\2\\7')
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('192.168.77.2', 53))
t = socket.create_server(('192.168.77.2', 53))
def tcp():
    while True:
        c, _ = t.accept(); size = struct.unpack('!H', c.recv(2))[0]; a = answer(c.recv(size), False); c.sendall(struct.pack('!H', len(a)) + a); c.close()
threading.Thread(target=tcp, daemon=True).start()
while True:
    q, who = u.recvfrom(4096); u.sendto(answer(q, True), who)
`,
      );
      host.serveThere('python3', rig.path('resolver.py'));
      rig.stack({ probe: idle({ dns: ['192.168.77.2'] }) });
      await rig.up();
      await eventually(async () =>
        expect(await inside(rig, 'probe', 'dig +short +tries=1 some.example')).toBe('192.0.2.7\n'),
      );
      expect(await inside(rig, 'probe', 'dig +short +tcp some.example')).toBe('192.0.2.7\n');
      expect(await inside(rig, 'probe', 'dig +short +bufsize=1400 LONG.ExAmple')).toBe('192.0.2.7\n');
      expect(await inside(rig, 'probe', 'dig +short probe')).toMatch(/^10\./);
    },
  );

  scenario(
    'all replicas of a service answer to its name, more of them after a scale',
    ['socat', 'dig'],
    async (rig) => {
      rig.stack({ web: answering(80, 'echo web', { scale: 2 }), probe: idle() });
      await rig.up();
      const addresses = async () => (await inside(rig, 'probe', 'dig +short web')).trim().split('\n').sort();
      expect(await addresses()).toHaveLength(2);
      const before = await addresses();
      await rig.ok(['up', '-d', '--scale', 'web=5']);
      expect(await addresses()).toHaveLength(5);
      expect(await addresses()).toEqual(expect.arrayContaining(before));
      await rig.ok(['up', '-d', '--scale', 'web=1']);
      expect(await addresses()).toHaveLength(1);
    },
  );

  scenario('a taken port is refused before anything starts, by the name of who has it', ['socat'], async (rig) => {
    const server = createServer().listen(18101);
    await new Promise((resolve) => server.once('listening', resolve));
    rig.stack({ web: idle({ ports: ['18101:80'] }), first: idle() });
    const refused = await rig.cli(['up', '-d']);
    server.close();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`(pid ${process.pid}) has it`);
    expect(refused.stderr).toContain('stack.yml:');
    await rig.ok(['up', '-d']);
    const other = new Rig('late');
    try {
      other.stack({ web: idle({ ports: ['18101:80'] }) });
      expect((await other.cli(['up', '-d'])).stderr).toContain(`project ${rig.project} has it`);
    } finally {
      await other.close();
    }
  });

  scenario(
    'ports: ranges, host addresses, ephemeral ones, UDP, and from the container itself',
    ['socat'],
    async (rig) => {
      rig.stack({
        web: answering(80, 'echo web', { ports: ['18110-18112:80', '127.0.0.1:18113:80', '[::1]:18113:80', '80'] }),
        echo: { ...quick, command: ['socat', 'UDP-LISTEN:5000,fork', 'EXEC:cat'], ports: ['18114:5000/udp'] },
      });
      await rig.up();
      const ports = (await rig.ok(['ps'])).stdout;
      await eventually(() => expect(ask('127.0.0.1:18110')).toBe('web\n'));
      expect(ask('127.0.0.1:18113')).toBe('web\n');
      expect(ask('[::1]:18113')).toBe('web\n');
      expect(ask('192.168.77.1:18113')).toContain('refused');
      const chosen = [...ports.matchAll(/0\.0\.0\.0:(\d+)->80\/tcp/g)].map(([, port]) => Number(port));
      expect(chosen).toHaveLength(2);
      for (const port of chosen) expect(ask(`127.0.0.1:${port}`)).toBe('web\n');
      for (const address of ['127.0.0.1', '192.168.77.1', '[::1]'])
        expect(shell(`echo ping | socat -T1 - UDP:${address}:18114`)).toBe('ping\n');
      expect(host.there('echo ping | socat -T1 - UDP:192.168.77.1:18114')).toBe('ping\n');
      expect(await inside(rig, 'web', 'socat -T2 - TCP:192.168.77.1:18110')).toBe('web\n');
    },
  );

  scenario('one service lives in the network of another', ['socat'], async (rig) => {
    rig.stack({
      pod: idle({ ports: ['18120:80'] }),
      web: answering(80, 'echo together', { network_mode: 'service:pod' }),
      lone: idle({ network_mode: 'none' }),
    });
    await rig.up();
    await eventually(() => expect(ask('127.0.0.1:18120')).toBe('together\n'));
    expect(await inside(rig, 'pod', 'socat -T2 - TCP:127.0.0.1:80')).toBe('together\n');
    expect(await inside(rig, 'lone', 'ip -o link')).not.toContain('eth0');
  });

  scenario(
    'addresses, MACs, aliases, links and interface names are as the file says, and stay',
    ['socat', 'dig'],
    async (rig) => {
      const networks = {
        fixed: {
          ipam: {
            config: [
              {
                subnet: '172.31.99.0/24',
                ip_range: '172.31.99.128/25',
                gateway: '172.31.99.9',
                aux_addresses: { printer: '172.31.99.128' },
              },
            ],
          },
        },
        six: { enable_ipv6: true },
      };
      const services = {
        web: idle({
          networks: {
            fixed: {
              ipv4_address: '172.31.99.77',
              mac_address: '02:00:00:00:00:77',
              interface_name: 'lan0',
              aliases: ['shop'],
            },
            six: { gw_priority: 1 },
          },
        }),
        other: idle({ networks: ['fixed', 'six'], links: ['web:friend'] }),
      };
      rig.stack(services, { networks });
      await rig.up();
      const own = await inside(rig, 'web', 'ip -o addr; ip -o link show lan0; ip route show default');
      expect(own).toContain('inet 172.31.99.77/24');
      expect(own).toContain('02:00:00:00:00:77');
      expect(own).toMatch(/default via 10\.\S+ dev eth1/);
      expect(await inside(rig, 'other', 'ip -4 -o addr show eth0')).toContain('172.31.99.129/24');
      expect((await inside(rig, 'other', 'dig +short shop')).trim()).toBe('172.31.99.77');
      expect((await inside(rig, 'other', 'dig +short friend')).trim().split('\n')).toContain('172.31.99.77');
      expect(await inside(rig, 'web', 'dig +short friend')).toBe('');
      expect(await inside(rig, 'other', 'dig +short AAAA web')).toMatch(/^fd[0-9a-f:]+\n$/);
      const address = await inside(rig, 'other', 'ip -o -6 addr show scope global; ip -o -4 addr');
      services.other = idle({ ...services.other, environment: { CHANGED: '1' } });
      rig.stack(services, { networks });
      await rig.up();
      expect(await inside(rig, 'other', 'ip -o -6 addr show scope global; ip -o -4 addr')).toBe(address);
      expect(await inside(rig, 'other', 'ping -6 -c1 -W2 web')).toContain('1 received');
    },
  );

  scenario(
    'restarts keep the address and the port; a client that tries again loses nothing',
    ['socat'],
    async (rig) => {
      rig.stack({ web: answering(80, 'echo alive', { ports: ['18130:80'] }) });
      await rig.up();
      await eventually(() => expect(ask('127.0.0.1:18130')).toBe('alive\n'));
      const address = await inside(rig, 'web', 'ip -4 -o addr show eth0');
      const restarting = rig.ok(['restart', 'web']);
      let worst = 0;
      let done = false;
      restarting.then(() => (done = true));
      while (!done || worst === 0) {
        const began = performance.now();
        await eventually(() => expect(ask('127.0.0.1:18130')).toBe('alive\n'));
        worst = Math.max(worst, performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      expect(worst).toBeLessThan((await restarting).ms + 1000);
      expect(await inside(rig, 'web', 'ip -4 -o addr show eth0')).toBe(address);
    },
  );

  scenario('a full subnet is refused in words', ['socat'], async (rig) => {
    rig.stack(
      { many: idle({ scale: 8, networks: ['small'] }) },
      { networks: { small: { ipam: { config: [{ subnet: '172.31.98.0/29' }] } } } },
    );
    const refused = await rig.cli(['up', '-d']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('172.31.98.0/29 has no free address left');
  });

  scenario('the net process killed while serving is back before anybody asks twice', ['socat'], async (rig) => {
    rig.stack({ web: answering(80, 'echo alive', { ports: ['18140:80'] }) });
    await rig.up();
    await eventually(() => expect(ask('127.0.0.1:18140')).toBe('alive\n'));
    for (let round = 0; round < 4; round++) {
      const pids = netProcesses(rig.project);
      expect(pids).toHaveLength(2);
      process.kill(pids[round % 2] as number, 'SIGKILL');
      await eventually(() => expect(ask('127.0.0.1:18140')).toBe('alive\n'), { withinMs: 200 });
      await eventually(() => expect(netProcesses(rig.project)).toHaveLength(2));
    }
    for (const pid of netProcesses(rig.project)) process.kill(pid, 'SIGSTOP');
    for (const pid of netProcesses(rig.project)) process.kill(pid, 'SIGKILL');
    await eventually(() => expect(netProcesses(rig.project)).toHaveLength(0));
    expect(ask('127.0.0.1:18140')).toContain('refused');
    rig.stack({ web: answering(80, 'echo alive', { ports: ['18140:80'] }), more: idle() });
    await rig.up();
    expect(ask('127.0.0.1:18140')).toBe('alive\n');
  });
});

function netProcesses(project: string): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    try {
      const ours = readFileSync(`/proc/${entry}/comm`, 'utf8') === 'tsc-net\n';
      return ours && shell(`readlink /proc/${entry}/cwd`).includes(`${project}.network`) ? [Number(entry)] : [];
    } catch {
      return [];
    }
  });
}
