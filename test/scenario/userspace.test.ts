import { describe, expect } from 'vitest';
import type { Capability } from '../support/capabilities.ts';
import { inodesBelow, over, running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { type Rig, scenario } from '../support/scenario.ts';

type Job = {
  readonly program: string;
  readonly needs?: readonly Capability[];
  readonly command: readonly string[];
  readonly prints: string;
};

// Each prints something that it can only know by running: 6 × 7.
const jobs: readonly Job[] = [
  { program: 'sh', command: ['sh', '-c', 'echo $((6 * 7))'], prints: '42\n' },
  { program: 'bash', needs: ['bash'], command: ['bash', '-c', 'a=(6 7); echo $((a[0] * a[1]))'], prints: '42\n' },
  { program: 'node', command: ['node', '-e', 'console.log(6 * 7, process.pid > 1)'], prints: '42 true\n' },
  { program: 'busybox', needs: ['busybox'], command: ['busybox', 'expr', '6', '*', '7'], prints: '42\n' },
];

const printed = async (rig: Rig, service: string) => (await rig.ok(['logs', '--no-log-prefix', service])).stdout;

describe('a root made of host binaries', () => {
  for (const { program, needs = [], command, prints } of jobs) {
    scenario(`runs ${program}`, needs, async (rig) => {
      rig.stack({ job: { rootfs: { host: [program] }, command, network_mode: 'none' } });
      await rig.up();
      const { status } = await over(rig, 'job');
      expect(await printed(rig, 'job')).toBe(prints);
      expect(status).toMatchObject({ kind: 'exited', exitCode: 0 });
    });
  }

  scenario('runs python3 with its standard library', ['python3'], async (rig) => {
    const command = ['python3', '-c', 'import json, hashlib, socket; print(json.dumps({"answer": 6 * 7}))'];
    rig.stack({ job: { rootfs: { host: ['/usr/bin/python3'] }, command, network_mode: 'none' } });
    await rig.up();
    const { status } = await over(rig, 'job');
    expect(await printed(rig, 'job')).toBe('{"answer": 42}\n');
    expect(status).toMatchObject({ kind: 'exited', exitCode: 0 });
  });

  scenario('runs nginx, which answers', ['nginx', 'busybox'], async (rig) => {
    const config = [
      'daemon off; error_log /dev/stderr; pid /tmp/nginx.pid;',
      'events {}',
      'http { access_log /dev/stdout;',
      '  client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;',
      '  server { listen 127.0.0.1:8080; location / { return 200 "six times seven\\n"; } } }',
    ];
    rig.write('nginx.conf', `${config.join('\n')}\n`);
    rig.stack({
      web: {
        rootfs: { host: ['nginx', 'busybox'] },
        command: ['nginx', '-c', '/nginx.conf'],
        volumes: ['./nginx.conf:/nginx.conf:ro'],
        tmpfs: ['/tmp'],
        network_mode: 'none',
      },
    });
    await rig.up();
    await eventually(async () => {
      const get = await rig.cli(['exec', '-T', 'web', 'busybox', 'wget', '-qO-', 'http://127.0.0.1:8080/']);
      expect([get.code, get.stdout], get.stderr).toEqual([0, 'six times seven\n']);
    });
  });

  scenario('runs redis-server, which keeps what it is told', ['redis-server'], async (rig) => {
    rig.stack({
      cache: {
        rootfs: { host: ['redis-server', 'redis-cli'] },
        command: ['redis-server', '--save', '', '--dir', '/tmp'],
        tmpfs: ['/tmp'],
        network_mode: 'none',
      },
    });
    await rig.up();
    const redis = async (...words: string[]) =>
      (await rig.ok(['exec', '-T', 'cache', 'redis-cli', ...words])).stdout.trim();
    await eventually(async () => expect(await redis('ping')).toBe('PONG'));
    expect(await redis('set', 'answer', '42')).toBe('OK');
    expect(await redis('get', 'answer')).toBe('42');
  });

  scenario(
    'runs postgres, which answers a query',
    ['postgres'],
    async (rig) => {
      const script = [
        'set -e',
        'initdb -D /data/db -A trust -U app >/dev/null',
        'exec postgres -D /data/db -k /tmp -c listen_addresses=',
      ];
      rig.stack({
        db: {
          rootfs: { host: ['postgres', 'initdb', 'psql', 'sh'] },
          command: ['sh', '-c', script.join('; ')],
          // initdb wants a user that has a name.
          user: 'nobody',
          tmpfs: ['/tmp', '/data:mode=1777'],
          shm_size: '128m',
          network_mode: 'none',
        },
      });
      await rig.up();
      await running(rig, 'db');
      const query = ['psql', '-h', '/tmp', '-U', 'app', '-d', 'postgres', '-Atc', 'select 6 * 7'];
      await eventually(
        async () => {
          const answer = await rig.cli(['exec', '-T', 'db', ...query]);
          expect([answer.code, answer.stdout], answer.stderr + (await printed(rig, 'db'))).toEqual([0, '42\n']);
        },
        { withinMs: 40_000 },
      );
    },
    90_000,
  );

  scenario('is built once: the store does not grow when it is used again', [], async (rig) => {
    // A state of its own: other projects may be adding to the machine's store.
    rig.environment = { TSCOMPOSE_ROOT: rig.path('machine') };
    rig.stack({ job: { rootfs: { host: ['sh', 'ls'] }, command: ['sh', '-c', 'ls /'], network_mode: 'none' } });
    const trees = () => inodesBelow(rig.path('machine/var/lib/tscompose/store/trees'));
    await rig.up();
    await over(rig, 'job');
    await rig.ok(['down']);
    const before = trees();
    expect(before.length).toBeGreaterThan(10);
    await rig.up();
    await over(rig, 'job');
    expect(trees()).toEqual(before);
  });
});
