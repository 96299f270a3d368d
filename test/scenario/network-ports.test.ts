import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { tracesOf } from '../support/leaks.ts';
import { answering, ask, idle, inside, quick } from '../support/networked.ts';
import { ownHost, shell } from '../support/private-host.ts';
import { Rig, scenario } from '../support/scenario.ts';

/** What is done while these listen, which are closed whatever comes of it: whoever tries again needs their ports. */
async function whileOpen<T>(sockets: readonly (Server | UdpSocket)[], body: () => Promise<T>): Promise<T> {
  try {
    await Promise.all(sockets.map((socket) => once(socket, 'listening')));
    return await body();
  } finally {
    for (const socket of sockets) socket.close();
  }
}

describe('published ports', () => {
  const host = ownHost();

  scenario('a taken port is refused before anything starts, by the name of who has it', ['socat'], async (rig) => {
    rig.stack({ web: idle({ ports: ['18101:80'] }), first: idle() });
    const server = createServer().listen(18101);
    const refused = await whileOpen([server], () => rig.cli(['up', '-d']));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(`(pid ${process.pid}) has it`);
    expect(refused.stderr).toContain('stack.yml:');
    expect((await rig.ok(['ps', '-a', '-q'])).stdout).toBe('');
    rig.stack({ web: idle({ ports: ['18101:80/udp'] }) });
    const datagrams = createSocket('udp4').bind(18101);
    const { stderr } = await whileOpen([datagrams], () => rig.cli(['up', '-d']));
    expect(stderr).toMatch(new RegExp(`18101/udp.*\\(pid ${process.pid}\\) has it`));
    rig.stack({ web: idle({ ports: ['18101:80'] }) });
    await rig.ok(['up', '-d']);
    const other = new Rig('late');
    try {
      other.stack({ web: idle({ ports: ['18101:80'] }) });
      expect((await other.cli(['up', '-d'])).stderr).toContain(`project ${rig.project} has it`);
    } finally {
      await other.close();
    }
  });

  scenario('a taken port is listed with whatever else the machine lacks', ['socat'], async (rig) => {
    const devices = ['/dev/absent'];
    rig.stack({
      web: idle({ ports: ['18104:80', '18105:80', '127.0.0.1:18106:80'] }),
      apart: idle({ ports: ['127.0.0.1:18105:80'] }),
      other: idle({ devices }),
    });
    const servers = [createServer().listen(18105, '127.0.0.2'), createServer().listen(18106, '::')];
    const refused = await whileOpen(servers, () => rig.cli(['up', '-d', '--json']));
    const told = refused.stderr
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    const line = readFileSync(rig.path('stack.yml'), 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('"18105:80"'));
    expect(told).toMatchObject([
      { code: 'device-missing', message: expect.stringContaining('/dev/absent') },
      { code: 'port-taken', message: expect.stringContaining(`(pid ${process.pid}) has it`), line: line + 1 },
      { code: 'port-taken', message: expect.stringContaining(`(pid ${process.pid}) has it`), line: line + 2 },
    ]);
    expect(refused.code).toBe(3);
    expect(tracesOf([rig.project]).processes).toEqual([]);
    // What is taken by oneself is not taken.
    await rig.ok(['up', '-d', 'web']);
    await rig.ok(['up', '-d', '--force-recreate', 'web']);
  });

  scenario(
    'ports: ranges, host addresses, ephemeral ones, UDP, and from the container itself',
    ['socat'],
    async (rig) => {
      rig.stack({
        web: answering(80, 'echo web', { ports: ['18110-18112:80', '127.0.0.1:18113:80', '[::1]:18113:80', '80'] }),
        seen: {
          ...quick,
          command: ['socat', 'UDP-LISTEN:5001,fork', 'SYSTEM:echo $$SOCAT_PEERADDR'],
          ports: ['18115:5001/udp'],
        },
        echo: { ...quick, command: ['socat', 'UDP-LISTEN:5000,fork', 'EXEC:cat'], ports: ['18114:5000/udp'] },
      });
      await rig.up();
      const ports = (await rig.ok(['ps'])).stdout;
      expect(ports).toContain('[::1]:18113->80/tcp');
      expect(ports).toContain('0.0.0.0:18114->5000/udp');
      expect((await rig.ok(['port', 'echo', '5000/udp'])).stdout).toBe('0.0.0.0:18114\n');
      expect((await rig.ok(['port', 'web', '80'])).stdout.split('\n')).toContain('127.0.0.1:18113');
      const none = await rig.cli(['port', 'echo', '5000']);
      expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('publishes no port 5000/tcp')]);
      await eventually(() => expect(ask('127.0.0.1:18110')).toBe('web\n'));
      expect(ask('127.0.0.1:18113')).toBe('web\n');
      expect(ask('[::1]:18113')).toBe('web\n');
      expect(ask('192.168.77.1:18113')).toContain('refused');
      const chosen = [...ports.matchAll(/0\.0\.0\.0:(\d+)->80\/tcp/g)].map(([, port]) => Number(port));
      expect(chosen).toHaveLength(2);
      for (const port of chosen) expect(ask(`127.0.0.1:${port}`)).toBe('web\n');
      for (const address of ['127.0.0.1', '192.168.77.1', '[::1]'])
        expect(shell(`echo ping | socat -T1 - UDP:${address}:18114`)).toBe('ping\n');
      expect(host().there('echo ping | socat -T1 - UDP:192.168.77.1:18114')).toBe('ping\n');
      await eventually(() =>
        expect(host().there('echo who | socat -T2 - UDP:192.168.77.1:18115')).toBe('192.168.77.2\n'),
      );
      expect(await inside(rig, 'web', 'socat -T2 - TCP:192.168.77.1:18110')).toBe('web\n');
    },
  );
});
