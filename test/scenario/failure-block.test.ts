import { chmodSync } from 'node:fs';
import { expect } from 'vitest';
import { type Rig, scenario } from '../support/scenario.ts';

/* What is said of a container that something else waits for in vain, whole, as `up` prints it. `vitest -u` writes the file. */

type Case = {
  readonly what: string;
  /** The lines below `web:`. */
  readonly web: string;
  /** What another service waits for. */
  readonly until?: 'healthy' | 'completed_successfully';
};

const host = (...names: string[]) => `rootfs: { host: [${['sh', 'sleep', ...names].join(', ')}] }\n`;
const run = (script: string) => `command: [sh, -c, '${script}']\n`;
const sleeps = `${host()}command: [sleep, '100']\n`;

const cases: readonly Case[] = [
  {
    what: 'a code of its own, and more than ten lines',
    web: `${host('seq')}${run('seq 1 20; echo "cannot read app.conf" >&2; exit 3')}`,
  },
  { what: 'a code of its own, and no word', web: `${host()}${run('exit 3')}` },
  { what: 'a signal', web: `${host()}${run('echo starting; kill -SEGV $$$$')}` },
  {
    what: 'a signal that a shell reports',
    web: `${host()}${run('sh -c "kill -BUS \\$$$$"; exit $$?')}ulimits: { core: 0 }\n`,
  },
  { what: 'out of memory', web: `${host('tail')}command: [tail, /dev/zero]\nmem_limit: 20m\n` },
  {
    what: 'out of memory, not the command itself',
    web: `${host('tail')}${run('tail /dev/zero; exit 1')}mem_limit: 20m\n`,
  },
  { what: 'a program that the shell does not find', web: `${host()}${run('migrate --all')}` },
  { what: 'a program that the shell cannot run', web: `${host()}${run('/etc/passwd')}` },
  { what: 'a command that is not there', web: `${host()}command: [migrate, --all]\n` },
  { what: 'a command in no format', web: `${host()}volumes: [./files:/files]\ncommand: [/files/lines]\n` },
  {
    what: 'a check that says no',
    web: `${sleeps}healthcheck: { test: [CMD-SHELL, "echo no such table; exit 1"], interval: 50ms, retries: 2 }\n`,
    until: 'healthy',
  },
  {
    what: 'a check that says nothing in time',
    web: `${sleeps}healthcheck: { test: [CMD, sleep, '10'], interval: 50ms, timeout: 50ms, retries: 2 }\n`,
    until: 'healthy',
  },
  {
    what: 'a check whose program is not found',
    web: `${sleeps}healthcheck: { test: [CMD-SHELL, curl localhost], interval: 50ms, retries: 2 }\n`,
    until: 'healthy',
  },
  {
    what: 'a probe that nobody answers',
    web: `${sleeps}x-tscompose: { probes: { readiness: { tcp: 5432, interval: 50ms, retries: 2 } } }\n`,
    until: 'healthy',
  },
  {
    what: 'a start limit',
    web: `${host()}${run('echo cannot bind; exit 1')}restart: always\nhealthcheck: { test: [CMD-SHELL, exit 0] }\nx-tscompose: { start_limit: { burst: 2, interval: 1m } }\n`,
    until: 'healthy',
  },
  { what: 'no health check', web: sleeps, until: 'healthy' },
];

const indented = (text: string) => text.trimEnd().replace(/^/gm, '    ');

async function blockOf(rig: Rig, { web, until = 'completed_successfully' }: Case): Promise<string> {
  const app = `${sleeps}depends_on: { web: { condition: service_${until} } }\n`;
  const both = ['web:', indented(`${web}network_mode: none`), 'app:', indented(`${app}network_mode: none`)];
  rig.write('stack.yml', `services:\n  ${both.join('\n').replace(/^app/m, '  app')}\n`);
  const said = await rig.cli(['--progress', 'quiet', 'up', '-d']);
  await rig.ok(['down', '-t', '0']);
  return `${said.stderr.trim()}\nexit code ${said.code}\n`.replaceAll(rig.project, 'PROJECT');
}

scenario(
  'what another waits for in vain is told whole: where, why, the last output, what mends it',
  ['memory controller'],
  async (rig) => {
    chmodSync(rig.write('files/lines', 'echo there is no first line\n'), 0o755);
    const told: string[] = [];
    for (const entry of cases) told.push(`${entry.what}\n\n${(await blockOf(rig, entry)).replace(/^(?=.)/gm, '    ')}`);
    await expect(`${told.join('\n')}`).toMatchFileSnapshot('../golden/machine/failure-block.txt');
  },
  120_000,
);
