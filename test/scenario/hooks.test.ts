import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { type Rig, type ServiceText, scenario } from '../support/scenario.ts';

const note = (text: string) => ({ command: ['/bin/sh', '-c', `echo "${text}" >> /shared/notes`] });

/** Ends as it is told to by a file in the shared folder. */
const service = (more: ServiceText): ServiceText => ({
  rootfs: { host: ['/bin/sh', '/bin/sleep', '/bin/rm'] },
  command: [
    '/bin/sh',
    '-c',
    'trap "exit 0" TERM; until test -e /shared/crash; do sleep 0.05; done; rm /shared/crash; exit 9',
  ],
  network_mode: 'none',
  volumes: ['./shared:/shared'],
  ...more,
});

const notes = (rig: Rig): string[] => {
  try {
    return readFileSync(rig.path('shared/notes'), 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

describe('hooks', () => {
  scenario('run around every life: at up, after a crash with its restart, and at down', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({
      web: service({
        restart: 'always',
        pre_start: [note('pre-start')],
        post_start: [note('post-start')],
        pre_stop: [note('pre-stop')],
        'x-tscompose': { post_stop: [note('post-stop $$SERVICE_RESULT $$EXIT_CODE $$EXIT_STATUS')] },
      }),
    });
    await rig.up();
    expect(notes(rig)).toEqual(['pre-start', 'post-start']);
    const { pid } = await running(rig, 'web');
    rig.write('shared/crash', '');
    await eventually(() =>
      expect(notes(rig)).toEqual(['pre-start', 'post-start', 'post-stop exit-code exited 9', 'post-start']),
    );
    expect((await running(rig, 'web')).pid).not.toBe(pid);
    await rig.ok(['down']);
    expect(notes(rig).slice(4)).toEqual(['pre-stop', 'post-stop success exited 0']);
  });

  scenario('after an end run without a restart policy too', [], async (rig) => {
    rig.write('shared/.keep', '');
    rig.stack({ web: service({ 'x-tscompose': { post_stop: [note('$$EXIT_CODE $$EXIT_STATUS')] } }) });
    await rig.up();
    rig.write('shared/crash', '');
    await eventually(() => expect(notes(rig)).toEqual(['exited 9']));
  });
});
