import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { commands } from '../../src/cli/table.ts';
import { eventually } from '../support/eventually.ts';
import { type Rig, scenario } from '../support/scenario.ts';
import { inTerminal } from '../support/terminal.ts';
import { root } from '../support/tree.ts';

/** The command under its own name, as users have it. */
function install(rig: Rig): void {
  rig.write('bin/tscompose', `#!/bin/sh\nexec "${process.execPath}" "${root}/dist/tscompose.cjs" "$@"\n`);
  chmodSync(rig.path('bin/tscompose'), 0o755);
}

/** What bash offers for a line, asked the way readline does it. */
function bash(rig: Rig, line: string): string[] {
  install(rig);
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

  scenario('in fish: the same, with the help of each', ['fish'], async (rig) => {
    install(rig);
    rig.stack({ web: rig.puppet('web'), worker: rig.puppet('worker'), db: rig.puppet('db') });
    const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
    const fish = (line: string): string[] => {
      const script = `tscompose completion fish | source; complete -C '${line}'`;
      const home = {
        HOME: rig.path('home'),
        XDG_CONFIG_HOME: rig.path('home'),
        PATH: `${rig.path('bin')}:${env['PATH']}`,
      };
      const options = { cwd: rig.directory, encoding: 'utf8', env: { ...env, ...home } } as const;
      return execFileSync('fish', ['--no-config', '-c', script], options)
        .split('\n')
        .filter((each) => each !== '');
    };
    expect(fish('tscompose sta')).toEqual([expect.stringMatching(/^start\t\w/), expect.stringMatching(/^stats\t\w/)]);
    expect(fish('tscompose up --no-st').map((each) => each.split('\t')[0])).toEqual(['--no-start']);
    expect(fish('tscompose logs -f w').map((each) => each.split('\t')[0])).toEqual(['web', 'worker']);
    expect(fish('tscompose -f stac').map((each) => each.split('\t')[0])).toEqual(['stack.yml']);
    expect(fish('tscompose --progress=pl').map((each) => each.split('\t')[0])).toEqual(['--progress=plain']);
  });

  inTerminal(
    'in zsh: the same, as the Tab key gives it',
    async (rig, terminal) => {
      install(rig);
      rig.stack({ web: rig.puppet('web'), worker: rig.puppet('worker'), db: rig.puppet('db') });
      const prompt = 'zsh>';
      terminal.type(`PS1='${prompt}' PATH=$PWD/bin:$PATH zsh -f`);
      terminal.type(
        'autoload -Uz compinit && compinit -u -d $PWD/dump && source <(tscompose completion zsh); clear; echo loaded',
      );
      await eventually(() => expect(terminal.visible()).toMatch(/^loaded$/m), { withinMs: 20_000 });
      const tab = async (line: string, ...shown: readonly RegExp[]) => {
        terminal.press('C-u');
        terminal.press('C-l');
        await eventually(() => expect(terminal.visible().trim()).toBe(prompt));
        terminal.keys(line);
        terminal.press('Tab');
        for (const each of shown) await eventually(() => expect(terminal.visible()).toMatch(each));
      };
      await tab('tscompose sta', /^start +-- \w/m, /^stats +-- \w/m);
      await tab('tscompose up --no-st', /up --no-start/);
      await tab('tscompose logs -f w', /^web/m, /^worker/m);
      await tab('tscompose exec d', /exec db/);
      await tab('tscompose -f stac', /-f stack\.yml/);
      terminal.press('C-u');
      terminal.type('exit');
    },
    ['zsh'],
  );

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
    for (const { name } of commands().filter((command) => !('hidden' in command && command.hidden))) {
      expect(stdout, name).toMatch(new RegExp(`^ +tscompose ${name} `, 'm'));
    }
  });

  scenario('has one for each command, which render without a warning too', ['groff'], async () => {
    for (const { name } of commands().filter((command) => !('hidden' in command && command.hidden))) {
      const page = `${root}/man/tscompose-${name}.1`;
      const { stdout, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-cbou', page], { encoding: 'utf8' });
      expect([stderr, stdout]).toEqual(['', expect.stringMatching(new RegExp(`^ +tscompose ${name} `, 'm'))]);
    }
  });
});
