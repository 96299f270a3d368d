import { describe, expect } from 'vitest';
import { idle, inside } from '../support/networked.ts';
import { ownHost } from '../support/private-host.ts';
import { scenario } from '../support/scenario.ts';

const count = 200;

describe('a large network', () => {
  ownHost();

  scenario(
    'two hundred services on one network all reach and name each other',
    ['socat', 'dig'],
    async (rig) => {
      const names = Array.from({ length: count }, (_, i) => `s${i}`);
      rig.stack(Object.fromEntries(names.map((name) => [name, idle({ init: false })])));
      await rig.up();
      const script = names.map((name) => `${name} A`).join('\n');
      const dug = await inside(rig, 's7', `echo '${script}' | dig -f - +short +tries=1`);
      const addresses = dug.trim().split('\n');
      expect(new Set(addresses).size).toBe(count);
      const known = await inside(rig, 's7', 'getent hosts s0 s199; cat /etc/hosts | wc -l');
      expect(known).toContain(`${addresses[0]}`);
      expect(known).toContain(`${addresses[199]}`);
      expect(await inside(rig, 's199', 'ping -c1 -W2 s0; ping -c1 -W2 s100')).toMatch(/1 received[\s\S]*1 received/);
      await rig.ok(['down']);
    },
    300_000,
  );
});
