import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { answering, ask, idle, inside } from '../support/networked.ts';
import { ownHost, shell } from '../support/private-host.ts';
import { Rig, scenario } from '../support/scenario.ts';

describe('addresses on networks', () => {
  ownHost();

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
              link_local_ips: ['169.254.10.5', 'fe80::5'],
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
      expect(own).toContain('inet 169.254.10.5/16');
      expect(own).toContain('inet6 fe80::5/64');
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

  scenario('a full subnet is refused in words', ['socat'], async (rig) => {
    rig.stack(
      { many: idle({ scale: 8, networks: ['small'] }) },
      { networks: { small: { ipam: { config: [{ subnet: '172.31.98.0/29' }] } } } },
    );
    const refused = await rig.cli(['up', '-d']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('172.31.98.0/29 has no free address left');
  });

  scenario('networks of one project with overlapping subnets are refused in words', ['socat'], async (rig) => {
    const subnet = (text: string) => ({ ipam: { config: [{ subnet: text }] } });
    rig.stack(
      { one: idle({ networks: ['wide', 'narrow'] }) },
      { networks: { wide: subnet('172.31.96.0/22'), narrow: subnet('172.31.97.0/24') } },
    );
    const refused = await rig.cli(['up', '-d']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/its subnet 172\.31\.9\d\.0\/2\d overlaps that of \S+_(narrow|wide)/);
  });

  scenario('projects of one name below two roots do not meet', ['socat'], async (rig) => {
    const twin = { TSCOMPOSE_ROOT: rig.path('machine') };
    const options = { networks: { default: { enable_ipv6: true } } };
    rig.stack({ web: answering(80, 'echo first', { ports: ['18330:80'] }) }, options);
    await rig.up();
    rig.environment = twin;
    rig.stack({ app: answering(80, 'echo second', { ports: ['18331:80'] }) }, options);
    await rig.up();
    await eventually(() => expect(ask('127.0.0.1:18331')).toBe('second\n'));
    expect(ask('127.0.0.1:18330')).toBe('first\n');
    expect(await inside(rig, 'app', 'ping -c1 -W2 192.168.77.2; ping -6 -c1 -W2 fd77::2')).toMatch(
      /1 received(.|\n)*1 received/,
    );
    rig.environment = {};
    await rig.ok(['down', '--remove-orphans']);
    rig.environment = twin;
    expect(ask('127.0.0.1:18330')).toContain('refused');
    await eventually(() => expect(ask('127.0.0.1:18331')).toBe('second\n'));
    expect(await inside(rig, 'app', 'ping -c1 -W2 192.168.77.2')).toContain('1 received');
    // What both need of the host, the first of them has changed, and the last puts back: the private host looks at the end.
    const forwarding = () => shell('cd /proc/sys/net; cat ipv4/ip_forward ipv6/conf/all/forwarding');
    expect(forwarding()).toBe('1\n1\n');
    await rig.ok(['down']);
    expect(forwarding()).toBe('0\n0\n');
    rig.environment = {};
  });

  scenario(
    'subnets touch no route of the host and no other project, and when none is left it says so',
    ['socat'],
    async (rig) => {
      const other = new Rig('other');
      try {
        shell('ip route add 10.200.0.0/14 dev lan; ip route add 10.204.0.0/17 dev lan');
        for (const each of [rig, other]) {
          each.stack({ probe: idle() });
          await each.up();
        }
        const subnets = await Promise.all(
          [rig, other].map((each) => inside(each, 'probe', 'ip -o route show dev eth0 scope link')),
        );
        expect(subnets[0]).toMatch(/^10\.204\.(12[89]|1[3-9]\d|2\d\d)\./);
        expect(subnets[1]).toMatch(/^10\.204\.(12[89]|1[3-9]\d|2\d\d)\./);
        expect(subnets[0]?.split(' ')[0]).not.toBe(subnets[1]?.split(' ')[0]);
        await other.ok(['down']);
        shell('ip route add 10.204.128.0/17 dev lan');
        const refused = await other.cli(['up', '-d']);
        expect(refused.code).toBe(1);
        expect(refused.stderr).toContain('no free subnet is left in 10.201.0.0 to 10.204.255.255');
        expect(refused.stderr).toContain('ipam: { config:');
      } finally {
        shell('ip route flush dev lan proto boot scope link');
        await other.close();
      }
    },
  );
});
