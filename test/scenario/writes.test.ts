import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { treeHash } from '../support/checks.ts';
import { scenario } from '../support/scenario.ts';

const hex = (text: string) => Buffer.from(text).toString('hex');

describe('what a container writes', () => {
  scenario('vanishes with down, and its root directory stays as it was to the byte', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    const before = treeHash(rig.puppetRoot());
    await rig.up();
    const web = await rig.next('web');
    await web.do(`write /etc/new ${hex('fresh')}`);
    await web.do(`write /bin/inspect ${hex('overwritten')}`);
    expect(await web.say('read /etc/new')).toBe(hex('fresh'));
    await rig.ok(['down']);
    expect(treeHash(rig.puppetRoot())).toBe(before);
    await rig.up();
    expect(await (await rig.next('web')).say('read /etc/new')).toBe('No such file or directory');
  });

  scenario('outlives a stop of the process, as long as the container is not removed', [], async (rig) => {
    rig.stack({ web: rig.puppet('web') });
    await rig.up();
    const first = await rig.next('web');
    await first.do(`write /tmp/kept ${hex('still here')}`);
    first.tell('exit 0');
    await first.gone;
    await rig.up();
    expect(await (await rig.next('web')).say('read /tmp/kept')).toBe(hex('still here'));
  });

  scenario('is refused everywhere but in its mounts when it is read_only', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { read_only: true, tmpfs: ['/tmp'] }) });
    await rig.up();
    const web = await rig.next('web');
    expect(await web.say(`write /etc/new ${hex('x')}`)).toBe('Read-only file system');
    await web.do(`write /tmp/new ${hex('x')}`);
  });

  scenario('stays in a named volume over down, until down -v', [], async (rig) => {
    rig.stack({ web: rig.puppet('web', { volumes: ['data:/data'] }) }, { volumes: { data: {} } });
    await rig.up();
    await (await rig.next('web')).do(`write /data/file ${hex('kept')}`);
    await rig.ok(['down']);
    await rig.up();
    expect(await (await rig.next('web')).say('read /data/file')).toBe(hex('kept'));
    await rig.ok(['down', '-v']);
    await rig.up();
    expect(await (await rig.next('web')).say('read /data/file')).toBe('No such file or directory');
  });

  scenario('reaches a bind mount and not a read-only one', [], async (rig) => {
    mkdirSync(rig.path('shared'));
    writeFileSync(rig.path('shared/note'), 'from the host');
    rig.stack({ web: rig.puppet('web', { volumes: ['./shared:/rw', './shared:/ro:ro'] }) });
    await rig.up();
    const web = await rig.next('web');
    expect(await web.say('read /ro/note')).toBe(hex('from the host'));
    expect(await web.say(`write /ro/note ${hex('x')}`)).toBe('Read-only file system');
    await web.do(`write /rw/answer ${hex('from the container')}`);
    expect(readFileSync(rig.path('shared/answer'), 'utf8')).toBe('from the container');
    await rig.ok(['down', '-v']);
    expect(existsSync(rig.path('shared/answer'))).toBe(true);
  });
});
