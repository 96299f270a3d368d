import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type Row, type Run, runCli, scenario } from '../support/scenario.ts';

/** As it is published for docker compose: what runs, and how its health is found out, is in the images. */
const published = `
services:
  cache:
    image: redis:7-alpine
    volumes: [data:/data]
  worker:
    image: acme/worker:1.2
    environment:
      NAME: stack
    depends_on:
      cache:
        condition: service_healthy
volumes:
  data:
`;

const images = {
  'redis:*': {
    rootfs: { host: ['redis-server', 'redis-cli'] },
    entrypoint: ['redis-server'],
    command: ['--save', '', '--port', '6379'],
    healthcheck: { test: ['CMD', 'redis-cli', 'ping'], interval: '200ms' },
    stop_signal: 'INT',
  },
  'acme/worker:*': {
    rootfs: { host: ['sh', 'sleep', 'id'] },
    command: ['sh', '-c', 'echo "$$GREETING $$NAME, from $$PWD as $(id -u)"; exec sleep 1000'],
    environment: { GREETING: 'hello', NAME: 'image' },
    working_dir: '/srv/app',
    user: '1234:1234',
  },
};

describe('the image map', () => {
  scenario('makes an unmodified compose file run', ['redis-server'], async (rig) => {
    rig.write('compose.yaml', published);
    rig.write('compose.override.yaml', { 'x-tscompose': { images } });
    const run = async (...args: string[]): Promise<Run> => {
      const done = await runCli(['-p', rig.project, ...args], { cwd: rig.directory });
      expect(done.code, done.stderr).toBe(0);
      return done;
    };
    try {
      await run('up', '-d');
      await eventually(async () => {
        expect((await run('logs', 'worker')).stdout).toContain('hello stack, from /srv/app as 1234');
      });
      const rows = (await run('ps', '--json')).stdout.trim().split('\n');
      const [cache] = rows.map((row): Row => JSON.parse(row)).filter(({ service }) => service === 'cache');
      expect(cache?.status).toMatchObject({ kind: 'running', health: 'healthy' });
      // What an image says is as much a part of the container as the rest: nothing has changed, so nothing is done.
      expect((await run('plan')).stdout).toContain('nothing to do');
      const { stdout } = await run('config', '--explain', 'services.cache.healthcheck.interval');
      expect(stdout).toContain('compose.override.yaml:');
    } finally {
      await run('down', '-v');
    }
  });
});
