import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { kill } from '../support/leaks.ts';
import { answering, ask, idle, inside, loseRouter, netProcesses } from '../support/networked.ts';
import { ownHost } from '../support/private-host.ts';
import { Rig, scenario } from '../support/scenario.ts';

describe('a network that several projects are on', () => {
  const host = ownHost((host) => {
    host.serveThere('socat', 'TCP-LISTEN:7004,fork,reuseaddr', 'SYSTEM:echo outside');
  });

  scenario(
    'its members name and reach each other, whichever project they are of, and nobody else',
    ['socat', 'dig'],
    async (rig) => {
      const guest = new Rig('guest');
      try {
        const name = `${rig.project}-shared`;
        rig.stack(
          { web: answering(80, 'echo web', { networks: ['shared'] }), hidden: idle() },
          { networks: { shared: { name, ipam: { config: [{ subnet: '172.31.97.0/24' }] } } } },
        );
        guest.stack(
          {
            app: answering(81, 'echo app', { networks: { meeting: { aliases: ['guest-app'] } }, ports: ['18170:81'] }),
            inner: idle({ networks: ['default', 'meeting'], external_links: [`${rig.project}-web-1:far`] }),
            alone: idle(),
          },
          { networks: { meeting: { external: true, name } } },
        );
        const early = await guest.cli(['up', '-d']);
        expect([early.code, early.stderr]).toEqual([1, expect.stringContaining(`cannot join the network ${name}`)]);
        await rig.up();
        await guest.up();
        await eventually(async () => expect(await inside(guest, 'app', 'socat -T2 - TCP:web:80')).toBe('web\n'));
        expect(await inside(rig, 'web', 'socat -T2 - TCP:guest-app:81')).toBe('app\n');
        expect(await inside(guest, 'app', 'socat -T2 - TCP:192.168.77.2:7004')).toBe('outside\n');
        expect(ask('127.0.0.1:18170')).toBe('app\n');
        expect(host().there('socat -T2 - TCP:192.168.77.1:18170')).toBe('app\n');
        expect(await inside(rig, 'hidden', 'dig +tries=1 app')).toContain('NXDOMAIN');
        expect(await inside(guest, 'alone', 'dig +tries=1 web')).toContain('NXDOMAIN');
        expect(await inside(guest, 'inner', 'socat -T2 - TCP:far:80')).toBe('web\n');
        expect(await inside(guest, 'app', 'dig +tries=1 far')).toContain('NXDOMAIN');
        expect((await guest.ok(['up', '-d'])).stderr).not.toContain('join');

        const addresses = async (of: Rig, service: string) =>
          (await inside(of, service, 'ip -4 -o addr')).match(/172\.31\.97\.\d+/)?.[0];
        const reverse = `dig +short -x ${await addresses(guest, 'app')}`;
        expect(await inside(rig, 'web', reverse)).toBe(`${guest.project}-app-1.${name}.\n`);
        const seen = [await addresses(rig, 'web'), await addresses(guest, 'app')];
        await rig.ok(['up', '-d', '--scale', 'web=3']);
        expect((await inside(guest, 'app', 'dig +short web')).trim().split('\n')).toHaveLength(3);
        expect((await inside(guest, 'app', 'dig +short web')).trim().split('\n')).not.toContain(seen[1]);

        for (const pid of [...netProcesses(rig.project), ...netProcesses(guest.project)]) kill(pid, 'SIGKILL');
        await eventually(async () => expect(await inside(rig, 'web', 'socat -T2 - TCP:app:81')).toBe('app\n'));
        await eventually(() => expect(ask('127.0.0.1:18170')).toBe('app\n'));

        const kept = await rig.cli(['down']);
        expect([kept.code, kept.stderr]).toEqual([1, expect.stringContaining(`${guest.project} is on it`)]);
        await rig.up();
        await eventually(async () => expect(await inside(guest, 'app', 'socat -T2 - TCP:web:80')).toBe('web\n'));
        await guest.ok(['down']);
        expect(await inside(rig, 'web', 'dig +tries=1 app')).toContain('NXDOMAIN');
      } finally {
        await guest.close();
      }
    },
  );

  scenario('a member whose router was lost joins again', ['socat', 'dig'], async (rig) => {
    const guest = new Rig('guest');
    try {
      const name = `${rig.project}-shared`;
      rig.stack({ web: answering(80, 'echo web', { networks: ['shared'] }) }, { networks: { shared: { name } } });
      guest.stack({ app: idle({ networks: ['shared'] }) }, { networks: { shared: { external: true, name } } });
      await rig.up();
      await guest.up();
      await eventually(async () => expect(await inside(guest, 'app', 'socat -T2 - TCP:web:80')).toBe('web\n'));
      await loseRouter(rig);
      await rig.ok(['up', '-d', '--scale', 'web=2']);
      await guest.ok(['up', '-d', '--force-recreate']);
      await eventually(async () => expect(await inside(guest, 'app', 'socat -T2 - TCP:web:80')).toBe('web\n'));
    } finally {
      await guest.close();
    }
  });
});
