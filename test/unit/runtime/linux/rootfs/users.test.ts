import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';
import { resolveUser } from '../../../../../src/runtime/linux/rootfs/users.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();

const passwd = `root:x:0:0:root:/root:/bin/sh
app:x:1000:1001:App:/home/app:/bin/sh
1234:x:0:0:a name made of digits:/evil:/bin/sh
4294967296:x:0:0::/evil:/bin/sh
-1:x:77:77::/odd:/bin/sh
+nis::0:0:::
broken:x:notanumber:0::/:
huge:x:4294967295:0::/:
relative:x:5:5::home:
`;
const group = 'root:x:0:\napp:x:1001:\nwheel:x:10:app,other\nvideo:x:44:app\n999:x:0:app2\n';

function root(files: { readonly passwd?: string; readonly group?: string } = { passwd, group }): HostPath {
  const directory = scratch();
  mkdirSync(`${directory}/etc`);
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/etc/${name}`, text);
  return directory;
}

const resolve = (user?: string, groupAdd: readonly string[] = [], layers = [root()]) => {
  const resolved = resolveUser(layers, user, groupAdd);
  return resolved.ok ? resolved.value : resolved.error.message;
};

describe('the user of a container', () => {
  it('is root when none is named', () => {
    expect(resolve()).toEqual({ uid: 0, gid: 0, groups: [0], home: '/root', name: 'root' });
  });

  it('has the groups of /etc/group and its primary group among them', () => {
    expect(resolve('app')).toEqual({ uid: 1000, gid: 1001, groups: [10, 44, 1001], home: '/home/app', name: 'app' });
  });

  it('has only the group that is named with it', () => {
    expect(resolve('app:video')).toEqual({ uid: 1000, gid: 44, groups: [44], home: '/home/app', name: 'app' });
    expect(resolve('app:7')).toMatchObject({ gid: 7, groups: [7] });
  });

  it('gets the groups of group_add, by name or number', () => {
    expect(resolve('app:app', ['wheel', '5000'])).toMatchObject({ groups: [10, 1001, 5000] });
    expect(resolve('app', ['nosuch'])).toBe('cannot find the group "nosuch" in /etc/group of the root filesystem');
  });

  it('is a number whenever it is written in digits, even if there is a name like it', () => {
    expect(resolve('1234')).toEqual({ uid: 1234, gid: 0, groups: [0], home: '/' });
    expect(resolve('1234:999')).toEqual({ uid: 1234, gid: 999, groups: [999], home: '/' });
    expect(resolve('007')).toMatchObject({ uid: 7 });
  });

  it('takes home, name and group of a number from its entry', () => {
    expect(resolve('1000')).toEqual({ uid: 1000, gid: 1001, groups: [10, 44, 1001], home: '/home/app', name: 'app' });
  });

  it('is refused when its number is no user id, and never looked up as a name then', () => {
    for (const id of ['4294967295', '4294967296', '99999999999999999999']) {
      expect(resolve(id)).toBe(`cannot use the user id ${id}: it is above 4294967294`);
      expect(resolve(`1:${id}`)).toBe(`cannot use the group id ${id}: it is above 4294967294`);
    }
    expect(resolve('4294967294')).toMatchObject({ uid: 4294967294 });
  });

  it('is refused when it is unknown, and never becomes root', () => {
    for (const name of ['ap', 'broken', 'huge', '+1', '0x0', ' 0', '1e3', '٣']) {
      expect(resolve(name)).toBe(`cannot find the user "${name}" in /etc/passwd of the root filesystem`);
    }
    for (const text of ['', ':', 'app:', ':0', 'a:b:c']) {
      expect(resolve(text)).toBe(`cannot understand the user "${text}"`);
    }
  });

  it('may have a name that begins with a minus, since that is no number', () => {
    expect(resolve('-1')).toMatchObject({ uid: 77, gid: 77 });
  });

  it('has / as home when its entry names no absolute directory', () => {
    expect(resolve('relative')).toMatchObject({ home: '/' });
  });

  it('can be a number where there are no account files', () => {
    const layers = [root({})];
    expect(resolve('5:6', [], layers)).toEqual({ uid: 5, gid: 6, groups: [6], home: '/' });
    expect(resolve('app', [], layers)).toBe('cannot find the user "app" in /etc/passwd of the root filesystem');
  });

  it('comes from the topmost layer that has the file', () => {
    const layers = [root({ passwd: 'app:x:5:5::/top:\n' }), root()];
    expect(resolve('app', [], layers)).toMatchObject({ uid: 5, home: '/top' });
  });
});

describe('hostile account files', () => {
  it('are not waited for when they are a FIFO', () => {
    const directory = root({});
    execFileSync('mkfifo', [`${directory}/etc/passwd`]);
    expect(resolve('app', [], [directory])).toBe(
      'cannot read /etc/passwd of the root filesystem: it is not a regular file',
    );
  });

  it('are not read from the host through a link', () => {
    const outside = scratch();
    writeFileSync(`${outside}/passwd`, 'app:x:1:1::/:\n');
    const directory = root({});
    symlinkSync(`${outside}/passwd`, `${directory}/etc/passwd`);
    expect(resolve('app', [], [directory])).toBe('cannot find the user "app" in /etc/passwd of the root filesystem');
    const climbing = root({});
    symlinkSync(`../../../../../../../../..${outside}/passwd`, `${climbing}/etc/passwd`);
    expect(resolve('app', [], [climbing])).toBe('cannot find the user "app" in /etc/passwd of the root filesystem');
  });

  it('are read through a link inside the root', () => {
    const directory = root({});
    mkdirSync(`${directory}/usr`);
    writeFileSync(`${directory}/usr/passwd`, 'app:x:1:2::/:\n');
    symlinkSync('/usr/passwd', `${directory}/etc/passwd`);
    expect(resolve('app', [], [directory])).toMatchObject({ uid: 1, gid: 2 });
  });

  it('are not read when they are enormous', () => {
    const directory = root();
    truncateSync(`${directory}/etc/passwd`, 2 ** 30);
    expect(resolve('app', [], [directory])).toBe(
      'cannot read /etc/passwd of the root filesystem: it is larger than 8 MiB',
    );
  });

  it('are refused when links lead in a circle', () => {
    const directory = root({});
    symlinkSync('passwd', `${directory}/etc/passwd`);
    expect(resolve('app', [], [directory])).toBe(
      'cannot read /etc/passwd of the root filesystem: its links lead in a circle',
    );
  });
});
