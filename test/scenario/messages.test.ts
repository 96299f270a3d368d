import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Rig, scenario } from '../support/scenario.ts';

/** What a command says of itself: its whole standard error, and the code in what it prints for programs. */
type Case = { readonly code: string; readonly args: readonly string[]; readonly exit?: number; readonly says: string };

const cases: readonly Case[] = [
  {
    code: 'no-such-service',
    args: ['stop', 'wbe'],
    says: 'error: no service is called "wbe"\n  = did you mean "web"?\n',
  },
  {
    code: 'no-such-service',
    args: ['logs', 'nothing-like-it'],
    says: 'error: no service is called "nothing-like-it"\n  = there is idle, mute, web\n',
  },
  {
    code: 'not-running',
    args: ['exec', 'idle', 'true'],
    says: 'error: idle has no container\n  = start it with: tscompose up -d idle\n',
  },
  {
    code: 'not-running',
    args: ['exec', '--index', '7', 'web', 'true'],
    says: 'error: web number 7 has no container\n  = start it with: tscompose up -d web\n',
  },
  {
    code: 'no-such-port',
    args: ['port', 'web', '99'],
    says: 'error: PROJECT-web-1 publishes no port 99/tcp\n  = ports: in the stack file publishes them\n',
  },
  {
    code: 'no-output',
    args: ['attach', 'mute'],
    says:
      'error: cannot attach to PROJECT-mute-1: it has no log\n' +
      '  = take "driver: none" out of logging: its output is kept nowhere\n',
  },
  {
    code: 'name-taken',
    args: ['run', '--name', 'PROJECT-web-1', 'idle'],
    says:
      'error: a container is called PROJECT-web-1 already\n' +
      '  = remove it with: tscompose down, or give another --name\n',
  },
  {
    code: 'copy-failed',
    args: ['cp', 'web:/no/such/file', 'DIRECTORY/copy'],
    says: 'error: cannot copy web:/no/such/file: /no/such/file in the container: no such file or directory\n',
  },
  {
    code: 'copy-failed',
    args: ['cp', 'DIRECTORY/no-such-file', 'web:/tmp'],
    says: 'error: cannot copy to web:/tmp: DIRECTORY/no-such-file: no such file or directory\n',
  },
  {
    code: 'nothing-to-watch',
    args: ['watch', '--no-up'],
    says:
      'error: no service says what to watch\n' +
      '  = give it develop: { watch: [{ path: ./src, action: sync, target: /app }] }\n',
  },
  {
    code: 'no-such-value',
    args: ['config', '--explain', 'services.web.imagge'],
    says:
      'error: the stack has no "services.web.imagge"\n' +
      '  = paths are written as in services.web.environment.PORT, items of lists as in services.web.ports.0\n',
  },
  {
    code: 'output',
    args: ['config', '-o', 'DIRECTORY/folder'],
    says:
      'error: cannot write DIRECTORY/folder: EISDIR\n' + '  = the path after -o has to be a file that may be written\n',
  },
  {
    code: 'exists',
    args: ['init', 'DIRECTORY/taken'],
    says:
      'error: taken/stack.yml is already there\n' +
      '  = name another directory, or take it away first: nothing is overwritten\n',
  },
  {
    code: 'usage',
    args: ['port', 'web', 'http'],
    exit: 2,
    says: 'error: "http" is not a port\n  = write 80, 80/tcp or 53/udp\n',
  },
];

async function prepare(rig: Rig): Promise<void> {
  const idle = rig.puppet('idle', { scale: 0 });
  rig.stack({ web: rig.puppet('web'), mute: rig.puppet('mute', { logging: { driver: 'none' } }), idle });
  mkdirSync(rig.path('taken'));
  mkdirSync(rig.path('folder'));
  writeFileSync(rig.path('taken', 'stack.yml'), '');
  await rig.up();
}

describe('a command that cannot be carried out', () => {
  scenario('says why, what to do about it, and a code for programs', [], async (rig) => {
    await prepare(rig);
    const filled = (text: string) => text.replaceAll('PROJECT', rig.project).replaceAll('DIRECTORY', rig.directory);
    for (const { code, args, exit = 1, says } of cases) {
      const words = args.map(filled);
      const said = await rig.cli(words);
      expect({ args, code: said.code, stderr: said.stderr }).toEqual({ args, code: exit, stderr: filled(says) });
      const lines = (await rig.cli(['--json', ...words])).stderr.trim().split('\n');
      expect({ args, codes: lines.map((line) => JSON.parse(line).code) }).toEqual({ args, codes: [code] });
    }
  });

  scenario('names containers that nobody asked for any more', [], async (rig) => {
    await prepare(rig);
    rig.stack({ web: rig.puppet('web') });
    const orphaned = await rig.cli(['--json', 'up', '-d']);
    const lines = orphaned.stderr.split('\n').filter((line) => line.startsWith('{'));
    expect(lines.map((line) => JSON.parse(line).code)).toContain('orphans');
    const said = await rig.cli(['--progress', 'quiet', 'up', '-d']);
    expect(said.stderr).toContain(
      `warning: 1 container of services that are not in the file: ${rig.project}-mute-1\n  = remove them with --remove-orphans\n`,
    );
  });

  scenario('answers flags about images with a notice', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.hold();
    const said = await rig.cli(['--json', 'up', '-d', '--build', '--pull', 'always']);
    expect(said.code).toBe(0);
    const notes = said.stderr.split('\n').filter((line) => line.includes('no-images'));
    expect(notes.map((line) => JSON.parse(line))).toEqual(
      ['--build', '--pull always'].map((flag) => ({
        severity: 'notice',
        code: 'no-images',
        message: `${flag} has no effect: services are made from root filesystems, not from images`,
      })),
    );
  });
});
