import { describe, expect, test } from 'vitest';
import { foreign, isOurs } from '../../../src/cli/foreign.ts';
import { commands } from '../../../src/cli/table.ts';
import { readText } from '../../support/tree.ts';

/** The flags of docker compose v5 by command; "" are those of all commands. What is about images alone is here, too. */
const theirs: { readonly [command: string]: string } = {
  '': 'file project-name project-directory profile env-file parallel progress ansi dry-run all-resources compatibility verbose workdir no-ansi version help',
  up: 'detach build no-build pull quiet-pull quiet-build force-recreate no-recreate always-recreate-deps no-deps no-start scale renew-anon-volumes remove-orphans timeout wait wait-timeout abort-on-container-exit abort-on-container-failure exit-code-from attach no-attach attach-dependencies no-log-prefix no-color timestamps menu watch yes',
  down: 'volumes remove-orphans rmi timeout',
  ps: 'all quiet services status filter format no-trunc orphans',
  logs: 'follow tail since until timestamps no-color no-log-prefix index',
  exec: 'detach env index no-tty privileged user workdir interactive tty',
  run: 'detach rm env env-from-file entrypoint name no-deps publish service-ports use-aliases user volume workdir label cap-add cap-drop no-tty interactive quiet quiet-pull quiet-build build pull remove-orphans tty',
  config:
    'format quiet output services volumes networks profiles images models variables environment hash no-interpolate no-normalize no-path-resolution no-consistency no-env-resolution resolve-image-digests lock-image-digests',
  start: 'wait wait-timeout',
  stop: 'timeout',
  restart: 'timeout no-deps',
  kill: 'signal remove-orphans',
  rm: 'force stop volumes',
  create: 'build force-recreate no-build no-recreate pull quiet-pull remove-orphans scale yes',
  scale: 'no-deps',
  pause: '',
  unpause: '',
  top: '',
  stats: 'all no-stream format no-trunc',
  events: 'json since until',
  port: 'protocol index',
  images: 'quiet format',
  ls: 'all quiet format filter',
  volumes: 'quiet format',
  wait: 'down-project',
  watch: 'no-up quiet prune',
  cp: 'archive follow-link index all',
  attach: 'index detach-keys no-stdin sig-proxy',
  export: 'output index',
  version: 'format short',
  completion: '',
  build: '',
  pull: '',
  push: '',
  commit: '',
  publish: '',
  bridge: '',
  alpha: '',
  convert: '',
};

const all = Object.entries(theirs).flatMap(([command, flags]) => [
  ...(command === '' ? [] : [{ name: command }]),
  ...flags
    .split(' ')
    .filter((flag) => flag !== '')
    .map((flag) => ({ name: `--${flag}`, ...(command !== '' && { of: command }) })),
]);
const key = ({ name, of = '' }: { readonly name: string; readonly of?: string }) => `${of} ${name}`.trim();

describe('the command line of docker compose', () => {
  test('is here, or is answered with what to do instead', () => {
    const missing = all.filter((word) => !isOurs(word)).map(key);
    expect(missing.sort()).toEqual(foreign.map(key).sort());
  });

  test('is compared in docs/cli-parity.md as it is in the program', () => {
    const text = readText('docs/cli-parity.md');
    for (const { name, of, instead } of foreign) {
      const typed = name.startsWith('-') && of === undefined ? name : key({ name, ...(of !== undefined && { of }) });
      expect(text).toMatch(
        new RegExp(`^\\| \`${typed}\` \\|.*\\| ${instead.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')} \\|$`, 'm'),
      );
    }
    const ours = commands().filter((command) => !(command.name in theirs) && !('hidden' in command && command.hidden));
    for (const { name } of ours) expect(text).toContain(`\`${name}\``);
  });
});
