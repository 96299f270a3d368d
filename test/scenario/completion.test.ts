import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { commands } from '../../src/cli/table.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

/** What bash offers for a line, asked the way readline does it. */
function bash(rig: Rig, line: string): string[] {
  rig.write('bin/tscompose', `#!/bin/sh\nexec "${process.execPath}" "${root}/dist/tscompose.cjs" "$@"\n`);
  chmodSync(rig.path('bin/tscompose'), 0o755);
  const script = `
    PATH=$PWD/bin:$PATH
    source <(tscompose completion bash)
    COMP_WORDS=(${line
      .split(' ')
      .map((word) => `'${word}'`)
      .join(' ')})
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _tscompose
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const text = execFileSync('bash', ['--norc', '-c', script], { cwd: rig.directory, encoding: 'utf8', env });
  return text.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  scenario('in bash: commands, flags, services of the file, projects, files', ['bash'], async (rig) => {
    rig.stack({ web: rig.puppet('web'), worker: rig.puppet('worker'), db: rig.puppet('db') });
    expect(bash(rig, 'tscompose sta')).toEqual(['start', 'stats']);
    expect(bash(rig, 'tscompose up --no-st')).toEqual(['--no-start']);
    expect(bash(rig, 'tscompose logs -f w')).toEqual(['web', 'worker']);
    expect(bash(rig, 'tscompose -f stac')).toEqual(['stack.yml']);
    expect(bash(rig, 'tscompose --progress = pl')).toEqual(['plain']);
    await rig.up();
    await rig.next('web');
    expect(bash(rig, `tscompose -p ${rig.project.slice(0, -3)}`)).toEqual([rig.project]);
    rig.write('stack.yml', 'services: [broken');
    expect(bash(rig, `tscompose -p ${rig.project} exec d`)).toEqual(['db']);
    expect(bash(rig, 'tscompose exec d')).toEqual([]);
  });

  scenario('for a shell that nobody knows is refused', [], async (rig) => {
    const run = await rig.cli(['completion', 'tcsh']);
    expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('bash, zsh, fish')]);
  });
});

describe('the manual page', () => {
  scenario('renders without a warning, with every command in it', ['groff'], async () => {
    const page = `${root}/man/tscompose.1`;
    const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou', page], { encoding: 'utf8' });
    expect(stderr).toBe('');
    for (const { name } of commands.filter((command) => !('hidden' in command && command.hidden))) {
      expect(stdout, name).toMatch(new RegExp(`^ +tscompose ${name} `, 'm'));
    }
  });
});
