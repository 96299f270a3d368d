import { describe, expect } from 'vitest';
import { hostResolver } from '../../src/runtime/linux/network/host-resolver.ts';
import { eventually } from '../support/eventually.ts';
import { answering, idle, inside } from '../support/networked.ts';
import { ownHost, PrivateHost, shell } from '../support/private-host.ts';
import { scenario } from '../support/scenario.ts';

describe('names on networks', () => {
  const host = ownHost();

  scenario(
    'an internal network has no way out, names included; another service reaches its resolver',
    ['socat'],
    async (rig) => {
      host().serveThere('socat', 'TCP-LISTEN:7001,fork,reuseaddr', 'SYSTEM:echo outside saw $SOCAT_PEERADDR');
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
    'names outside are asked at the host’s resolvers, over UDP and TCP, or at those a service names',
    ['socat', 'dig', 'python3'],
    async (rig) => {
      // A resolver that answers every A question with 192.0.2.7, over UDP cuts what begins with "long", and knows what begins
      // with "edns" only where the question has an OPT record.
      rig.write(
        'resolver.py',
        `
import socket, struct, sys, threading
def answer(q, udp):
    end = 12
    while q[end]: end += q[end] + 1
    question = q[12:end + 5]
    if question[1:5] == b'edns' and q[11] == 0: return q[:2] + b'\\x81\\x83' + q[4:6] + b'\\0' * 6 + question
    cut = udp and question[1:5] == b'long'
    head = q[:2] + (b'\\x83\\x80' if cut else b'\\x81\\x80') + b'\\0\\1' + (b'\\0\\0' if cut else b'\\0\\1') + b'\\0\\0\\0\\0'
    return head + question + (b'' if cut else b'\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\5\\0\\4\\xc0\\0\\2\\7')
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((sys.argv[1], 53))
t = socket.create_server((sys.argv[1], 53))
def tcp():
    while True:
        c, _ = t.accept(); size = struct.unpack('!H', c.recv(2))[0]; a = answer(c.recv(size), False); c.sendall(struct.pack('!H', len(a)) + a); c.close()
threading.Thread(target=tcp, daemon=True).start()
while True:
    q, who = u.recvfrom(4096); u.sendto(answer(q, True), who)
`,
      );
      host().serveThere('python3', rig.path('resolver.py'), '192.168.77.2');
      // What the machine's resolv.conf names is on the private host itself, as a resolver on loopback would be.
      const own = hostResolver().servers.filter((address) => !address.includes(':'));
      for (const address of own) {
        shell(`ip addr add ${address}/32 dev lo`);
        host().serveHere('python3', rig.path('resolver.py'), address);
      }
      rig.stack({
        usual: idle(),
        probe: idle({ dns: ['192.168.77.2'] }),
        patient: idle({ dns: ['192.168.77.1', '192.168.77.2'] }),
      });
      await rig.up();
      await eventually(async () =>
        expect(await inside(rig, 'probe', 'dig +short +tries=1 some.example')).toBe('192.0.2.7\n'),
      );
      expect(await inside(rig, 'probe', 'dig +short +tcp some.example')).toBe('192.0.2.7\n');
      expect(await inside(rig, 'probe', 'dig +short +bufsize=1400 LONG.ExAmple')).toBe('192.0.2.7\n');
      expect(await inside(rig, 'probe', 'dig +short edns.example')).toBe('192.0.2.7\n');
      expect(await inside(rig, 'probe', 'dig +short +noedns edns.example')).toBe('');
      for (const how of own.length > 0 ? ['', '+tcp'] : [])
        expect(await inside(rig, 'usual', `dig +short ${how} some.example`), own.join()).toBe('192.0.2.7\n');
      // The first of its servers is not there.
      for (const how of ['', '+tcp'])
        expect(await inside(rig, 'patient', `dig +short +time=5 ${how} some.example`)).toBe('192.0.2.7\n');
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

  scenario(
    'what the file says of names is what a container finds, and the order of its interfaces too',
    ['socat', 'dig'],
    async (rig) => {
      rig.stack(
        {
          web: idle({
            hostname: 'shopfront',
            networks: {
              back: {},
              front: { priority: 10, interface_name: 'front0' },
              side: { priority: 5, ipv6_address: 'fd99::77', gw_priority: 1 },
            },
            dns: ['192.0.2.1'],
            dns_search: ['corp.example', 'example'],
            dns_opt: ['timeout:1'],
            extra_hosts: ['printer=192.0.2.9', 'host:host-gateway'],
          }),
          peer: idle({ networks: ['front', 'side'], links: ['web:friend'] }),
          open: idle({ networks: ['machine'] }),
        },
        {
          networks: {
            front: {},
            back: {},
            side: { enable_ipv6: true, ipam: { config: [{ subnet: 'fd99::/64' }] } },
            machine: { driver: 'host' },
          },
        },
      );
      await rig.up();
      const links = await inside(rig, 'web', 'ip -o link');
      expect([...links.matchAll(/^\d+: ([a-z0-9]+)/gm)].map(([, name]) => name)).toEqual([
        'lo',
        'front0',
        'eth1',
        'eth2',
      ]);
      expect(await inside(rig, 'web', 'ip -6 -o addr show dev eth1')).toContain('fd99::77/64');
      expect(await inside(rig, 'web', 'ip -o route show default')).toContain('dev eth1');
      expect(await inside(rig, 'open', 'ip -br addr show lan')).toContain(PrivateHost.address);

      const resolv = await inside(rig, 'web', 'cat /etc/resolv.conf');
      expect(resolv).toMatch(/^search corp\.example example$/m);
      expect(resolv).toMatch(/^options .*timeout:1/m);
      const hosts = await inside(rig, 'web', 'cat /etc/hosts');
      expect(hosts).toMatch(/^192\.0\.2\.9\s+printer$/m);
      expect(hosts).toMatch(/^10\.205\.\d+\.\d+\s+host$/m);
      expect(hosts).toContain('shopfront');

      const address = (await inside(rig, 'web', 'ip -4 -o addr show front0')).match(/inet ([\d.]+)/)?.[1];
      for (const name of ['web', `${rig.project}-web-1`, 'shopfront', `web.${rig.project}_front`, 'friend'])
        expect(await inside(rig, 'peer', `dig +short ${name}`), name).toContain(`${address}\n`);
      expect(await inside(rig, 'peer', 'dig +short -x fd99::77')).toBe(`${rig.project}-web-1.${rig.project}_side.\n`);

      // What "all" says of router advertisements counts for no interface.
      const advertised = 'ipv6/conf/default/accept_ra ipv6/conf/[ef]*/accept_ra';
      for (const service of ['web', 'peer'])
        expect(await inside(rig, service, `cd /proc/sys/net; cat ${advertised} ipv4/conf/*/route_localnet`)).toMatch(
          /^(0\n){5,}$/,
        );
      expect(shell('cat /proc/sys/net/ipv4/conf/*/route_localnet')).toMatch(/^(0\n)+$/);
    },
  );
});
