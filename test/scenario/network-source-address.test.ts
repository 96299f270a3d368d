import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { answering, ask, idle, inside, quick } from '../support/networked.ts';
import { ownHost } from '../support/private-host.ts';
import { type Rig, scenario } from '../support/scenario.ts';

const tell = 'echo $$SOCAT_PEERADDR';
const six = { networks: { default: { enable_ipv6: true } } };
const gateway = /^10\.20[1-4]\.\d+\.1\n$/;

const serving = (address: string): Promise<void> => eventually(() => expect(ask(address)).toMatch(/^[\d[]/));

describe('the address that a service sees', () => {
  const host = ownHost();
  const there = (address: string): string => host().there(`socat -T2 - TCP:${address}`);

  scenario('over TCP it is the client’s, from the LAN and from the host', ['socat'], async (rig) => {
    rig.stack({ web: answering(80, tell, { ports: ['18300:80'] }) });
    await rig.up();
    await serving('192.168.77.1:18300');
    expect(there('192.168.77.1:18300')).toBe('192.168.77.2\n');
    expect(there('192.168.77.1:18300,sourceport=40001')).toBe('192.168.77.2\n');
    expect(ask('192.168.77.1:18300')).toBe('192.168.77.1\n');
    // An IPv6 client of a service that has none.
    expect(there('[fd77::1]:18300')).toMatch(gateway);
  });

  scenario('a client on loopback is never shown as such', ['socat'], async (rig) => {
    rig.stack({
      web: answering(80, tell, { ports: ['18310:80'] }),
      peer: idle({ extra_hosts: ['host:host-gateway'] }),
    });
    await rig.up();
    await serving('[::1]:18310');
    expect(ask('[::1]:18310')).toMatch(gateway);
    const hostEnd = (await inside(rig, 'peer', 'getent hosts host')).split(' ')[0];
    await eventually(() => expect(ask('127.0.0.1:18310')).toBe(`${hostEnd}\n`));
  });

  scenario('over IPv6 it is the client’s where the service has IPv6', ['socat'], async (rig) => {
    const command = ['socat', 'TCP6-LISTEN:80,fork,reuseaddr,ipv6only=0', `SYSTEM:${tell}`];
    rig.stack({ web: { ...quick, command, ports: ['18320:80'] } }, six);
    await rig.up();
    await serving('[fd77::1]:18320');
    expect(there('[fd77::1]:18320')).toBe('[fd77:0000:0000:0000:0000:0000:0000:0002]\n');
    expect(there('192.168.77.1:18320')).toContain('ffff:c0a8:4d02');
  });

  scenario('over UDP it is the client’s as well', ['socat'], async (rig) => {
    const command = ['socat', 'UDP-LISTEN:5000,fork,reuseaddr', `SYSTEM:${tell}`];
    rig.stack({ web: { ...quick, command, ports: ['18330:5000/udp'] } });
    await rig.up();
    await eventually(() =>
      expect(host().there('echo hello | socat -T1 - UDP:192.168.77.1:18330')).toBe('192.168.77.2\n'),
    );
  });

  scenario('on several networks, and between services, answers find their way', ['socat'], async (rig) => {
    await severalNetworks(rig);
    await serving('192.168.77.1:18340');
    expect(there('192.168.77.1:18340')).toBe('192.168.77.2\n');
    // Nothing leads out of an internal network, not even to a client: the gateway stands for him.
    await eventually(() => expect(there('192.168.77.1:18341')).toMatch(gateway));
    const own = (await inside(rig, 'peer', 'ip -4 -o addr show dev eth0')).match(/inet ([\d.]+)/)?.[1];
    expect(await inside(rig, 'peer', 'socat -T2 - TCP:web:80')).toBe(`${own}\n`);
  });
});

async function severalNetworks(rig: Rig): Promise<void> {
  rig.stack(
    {
      web: answering(80, tell, { ports: ['18340:80'], networks: ['front', 'back'] }),
      hidden: answering(80, tell, { ports: ['18341:80'], networks: ['back'] }),
      peer: idle({ networks: ['front'] }),
    },
    { networks: { front: {}, back: { internal: true } } },
  );
  await rig.up();
}
