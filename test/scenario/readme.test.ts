import { chmodSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { scenario } from '../support/scenario.ts';
import { inTerminal } from '../support/terminal.ts';
import { root } from '../support/tree.ts';

const readme = readFileSync(`${root}/README.md`, 'utf8');

/** The blocks of one language, in order. */
const blocks = (language: string): readonly string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text = '']) => text);

const stack = blocks('yaml').find((text) => text.startsWith('# stack.yml'));
const commands = blocks('sh')
  .flatMap((text) => text.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, ''))
  .filter((line) => line.startsWith('tscompose '));

/** What somebody types to get out of what a command has begun. */
const wayOut = (command: string): 'C-c' | 'exit' | undefined =>
  / -f\b/.test(command) ? 'C-c' : / sh$/.test(command) ? 'exit' : undefined;

describe('the README', () => {
  inTerminal(
    'can be followed line by line by a new user, from up to down',
    async (rig, terminal) => {
      expect(stack).toBeDefined();
      expect(commands.length).toBeGreaterThan(7);
      rig.write('bin/tscompose', `#!/bin/sh\nexec "${process.execPath}" "${root}/dist/tscompose.cjs" "$@"\n`);
      chmodSync(rig.path('bin/tscompose'), 0o755);
      rig.write('stack.yml', stack ?? '');
      terminal.resize(120, 40);
      terminal.type(`export COMPOSE_PROJECT_NAME=${rig.project} PATH=$PWD/bin:$PATH`);
      for (const [at, command] of commands.entries()) {
        terminal.type(`clear; ${command}; echo "line ${at} has ended with $?"`);
        const out = wayOut(command);
        if (out === 'C-c') {
          await eventually(() => expect(terminal.visible()).toContain('still here'));
          terminal.press('C-c');
        }
        if (out === 'exit') {
          await eventually(() => expect(terminal.visible()).toMatch(/^[#$] ?$/m));
          terminal.type('exit');
        }
        await eventually(() => expect(terminal.visible()).toMatch(new RegExp(`line ${at} has ended with 0$`, 'm')), {
          withinMs: 30_000,
        });
        if (command === 'tscompose ps') expect(terminal.visible()).toMatch(/web-1 .* Up /);
        if (command.startsWith('tscompose why')) expect(terminal.visible()).toContain('web');
      }
      expect(commands.at(-1)).toBe('tscompose down -v');
      expect(await rig.ps()).toEqual([]);
      expect(terminal.isSane()).toBe(true);
    },
    ['root'],
  );

  scenario('shows parts of stack files that are right as they stand', [], async (rig) => {
    const parts = blocks('yaml')
      .filter((text) => text !== stack)
      .flatMap((text) =>
        text.startsWith('rootfs:')
          ? text
              .trimEnd()
              .split('\n')
              .map((line) => `    ${line}\n`)
          : [text],
      );
    expect(parts).toHaveLength(4);
    for (const part of parts) {
      const rootfs = part.includes('rootfs:') ? '' : '    rootfs: { host: [sh] }\n';
      rig.write('stack.yml', `services:\n  web:\n    command: [sh]\n${rootfs}${part}`);
      await rig.ok(['config', '-q']);
    }
  });

  scenario('has no other shell lines than those that are tried here, or by CI', [], async () => {
    const others = blocks('sh')
      .flatMap((text) => text.trimEnd().split('\n'))
      .filter((line) => !line.startsWith('tscompose '));
    expect(others).toEqual(['npm ci && npm start', 'npm ci && npm test']);
    expect(readFileSync(`${root}/.ci/run`, 'utf8')).toMatch(/^npm ci .*&& npm test$/m);
    // What `npm start` does after the build is brought up by the tests of the examples.
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
    expect(scripts.start).toBe('npm run build && node dist/tscompose.cjs -f examples/quickstart/stack.yml up');
  });
});
