import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { answering, ask, idle, inside } from '../support/networked.ts';
import { afterwards, ownHost, shell } from '../support/private-host.ts';
import { scenario } from '../support/scenario.ts';

describe('options of networks', () => {
  const host = ownHost((host) => {
    // Answers with how much it was sent.
    host.serveThere('socat', '-T5', 'TCP-LISTEN:7010,fork,reuseaddr', 'SYSTEM:wc -c');
    host.serveThere('socat', '-U', 'TCP-LISTEN:7012,fork,reuseaddr', 'SYSTEM:head -c 5000000 /dev/zero');
  });

  scenario(
    'frames between services are as large as IP allows, and outside as the way out allows',
    ['socat'],
    async (rig) => {
      afterwards('ip link set lan mtu 1500');
      shell('ip link set lan mtu 1400');
      rig.stack(
        {
          web: answering(80, 'wc -c', { ports: ['18300:80'] }),
          peer: idle(),
          jumbo: idle({ networks: ['small'] }),
        },
        { networks: { default: {}, small: { driver_opts: { 'com.docker.network.driver.mtu': '1280' } } } },
      );
      await rig.up();
      expect(await inside(rig, 'peer', 'ip -o link show eth0')).toContain('mtu 65535');
      expect(await inside(rig, 'peer', 'ip -o route get 192.168.77.2')).toContain('mtu 1400');
      expect(await inside(rig, 'peer', 'ping -M do -s 60000 -c1 -W2 web')).toContain('1 received');
      expect(await inside(rig, 'peer', 'ping -M do -s 1400 -c1 -W2 192.168.77.2')).toContain('mtu=1400');
      expect(await inside(rig, 'peer', 'ping -M do -s 1372 -c1 -W2 192.168.77.2')).toContain('1 received');
      const upload = 'head -c 5000000 /dev/zero | socat -t5 - TCP:192.168.77.2:7010';
      expect((await inside(rig, 'peer', upload)).trim()).toBe('5000000');
      expect((await inside(rig, 'peer', 'socat -u TCP:192.168.77.2:7012 - | wc -c')).trim()).toBe('5000000');
      for (const address of ['127.0.0.1', '[::1]', '192.168.77.1'])
        expect(shell(`head -c 5000000 /dev/zero | socat -t5 - TCP:${address}:18300`).trim()).toBe('5000000');
      expect(host().there('head -c 5000000 /dev/zero | socat -t5 - TCP:192.168.77.1:18300').trim()).toBe('5000000');
      expect(await inside(rig, 'jumbo', 'ip -o link show eth0; ip -o route get 192.168.77.2')).toMatch(
        /mtu 1280(.|\n)*mtu 1280/,
      );
    },
  );

  scenario('options of the bridge driver do what they say, and others are named', ['socat'], async (rig) => {
    const options = {
      'com.docker.network.bridge.name': 'dmz0',
      'com.docker.network.container_iface_prefix': 'lan',
      'com.docker.network.bridge.host_binding_ipv4': '127.0.0.1',
      'com.docker.network.bridge.enable_icc': 'false',
      'com.example.other': 'x',
    };
    rig.stack(
      {
        web: answering(80, 'echo web', { networks: ['apart'], ports: ['18310:80'] }),
        peer: idle({ networks: ['apart'] }),
      },
      { networks: { apart: { driver_opts: options } } },
    );
    const up = await rig.ok(['up', '-d']);
    expect(up.stderr).toContain('the option com.example.other has no effect');
    await eventually(() => expect(ask('127.0.0.1:18310')).toBe('web\n'));
    expect(ask('192.168.77.1:18310')).toContain('refused');
    expect(await inside(rig, 'peer', 'ip -o link')).toContain(' lan0@');
    expect(await inside(rig, 'peer', 'socat -T1 - TCP:web:80,connect-timeout=1')).not.toContain('web\n');
    expect(await inside(rig, 'peer', 'ping -c1 -W2 192.168.77.2')).toContain('1 received');
    const router = `/run/tscompose/${rig.project}.network/router`;
    expect(shell(`nsenter --net=${router} ip -o link`)).toContain(' dmz0:');

    rig.stack(
      { web: idle({ networks: ['apart'] }) },
      {
        networks: { apart: { driver_opts: { 'com.docker.network.driver.mtu': 'large' } } },
      },
    );
    const refused = await rig.cli(['up', '-d']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('write 68 to 65535');
  });

  scenario(
    'a network with IPv6 alone works by name, outwards and for published ports',
    ['socat', 'dig'],
    async (rig) => {
      rig.stack(
        {
          web: {
            ...answering(80, 'echo $$SOCAT_PEERADDR', { networks: ['six'], ports: ['18320:80'] }),
            command: ['socat', 'TCP6-LISTEN:80,fork,reuseaddr', 'SYSTEM:echo $$SOCAT_PEERADDR'],
          },
          peer: idle({ networks: ['six'] }),
          both: idle({ networks: { six: { gw_priority: 1 }, four: {} } }),
        },
        { networks: { six: { enable_ipv4: false, enable_ipv6: true }, four: {} } },
      );
      await rig.up();
      expect(await inside(rig, 'peer', 'ip -4 -o addr show eth0')).toBe('');
      expect(await inside(rig, 'peer', 'dig +short A web')).toBe('');
      expect(await inside(rig, 'peer', 'dig +short AAAA web')).toMatch(/^fd[0-9a-f:]+\n$/);
      await eventually(async () => expect(await inside(rig, 'peer', 'socat -T2 - TCP6:web:80')).toMatch(/^\[fd/));
      expect(await inside(rig, 'peer', 'ping -6 -c1 -W2 fd77::2')).toContain('1 received');
      for (const address of ['127.0.0.1', '[::1]', '192.168.77.1']) expect(ask(`${address}:18320`)).toMatch(/^\[fd/);
      expect(host().there('socat -T2 - TCP6:[fd77::1]:18320')).toBe('[fd77:0000:0000:0000:0000:0000:0000:0002]\n');
      expect(await inside(rig, 'both', 'ping -c1 -W2 192.168.77.2')).toContain('1 received');
      expect(await inside(rig, 'both', 'ping -6 -c1 -W2 fd77::2')).toContain('1 received');
    },
  );
});
