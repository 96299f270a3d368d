import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostFiles } from '../../../src/cli/files.ts';
import { painter } from '../../../src/cli/render/color.ts';
import { renderDiagnostics } from '../../../src/cli/render/diagnostic.ts';
import type { HostPath } from '../../../src/model/units.ts';
import { desiredState } from '../../../src/project/desired.ts';
import { loadProject } from '../../../src/project/load.ts';
import { type PreflightHost, preflight } from '../../../src/runtime/linux/preflight.ts';
import { prepareRootfs } from '../../../src/runtime/linux/rootfs/prepare.ts';

/* What is said of a stack that this machine cannot run, whole, as `up` prints it. `vitest -u` writes the file. */

let directory = '';
const told: string[] = [];

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-'));
  for (const folder of ['root/bin', 'root/etc', 'data', 'empty'])
    mkdirSync(`${directory}/${folder}`, { recursive: true });
  const programs = {
    app: '#!/bin/sh\n',
    sh: '',
    plain: 'text',
    script: '#!/usr/bin/nope\n',
    envd: '#!/usr/bin/env nope\n',
  };
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(`${directory}/root/bin/${name}`, text);
    chmodSync(`${directory}/root/bin/${name}`, name === 'plain' ? 0o644 : 0o755);
  }
  mkdirSync(`${directory}/root/bin/folder`);
  writeFileSync(`${directory}/root/etc/passwd`, 'app:x:7:7::/:/bin/sh\n');
  writeFileSync(`${directory}/note`, 'text');
  writeFileSync(`${directory}/broken.tar`, 'no tarball');
  symlinkSync('/nowhere', `${directory}/lost`);
});

afterAll(() => rmSync(directory, { recursive: true }));

const machine: PreflightHost = {
  uid: 0,
  cpus: [0, 1],
  controllers: new Set(['cpu', 'cpuset', 'memory', 'pids', 'io']),
  lacks: [],
  programDirectories: ['/usr/bin', '/bin'],
  findTaken: () => undefined,
};

type Case = { readonly what: string; readonly web: string; readonly on?: Partial<PreflightHost> };

const fits = 'rootfs: ./root\ncommand: app';
const cases: readonly Case[] = [
  { what: 'nothing is wrong', web: fits },
  { what: 'a root that is missing', web: 'rootfs: ./rot\ncommand: app' },
  { what: 'a tarball that is missing', web: 'rootfs: ./root.tar.gz\ncommand: app' },
  { what: 'a root that is a file', web: 'rootfs: ./note\ncommand: app' },
  { what: 'a root that leads nowhere', web: 'rootfs: ./lost\ncommand: app' },
  { what: 'a tarball that is none', web: 'rootfs: ./broken.tar\ncommand: app' },
  { what: 'a program that the host lacks', web: 'rootfs: {host: [sh, no-such-program]}\ncommand: sh' },
  { what: 'a command that is missing', web: 'rootfs: ./root\ncommand: ap' },
  { what: 'a path that is missing', web: 'rootfs: ./root\ncommand: [/bin/ap, -x]' },
  { what: 'a command that the userspace lacks', web: 'rootfs: {host: [sh]}\ncommand: sleep 1' },
  { what: 'a command that the host lacks too', web: 'rootfs: {host: [sh]}\ncommand: no-such-program' },
  { what: 'a command that is not executable', web: 'rootfs: ./root\ncommand: /bin/plain' },
  { what: 'a command that is a directory', web: 'rootfs: ./root\ncommand: /bin/folder' },
  { what: 'a script whose interpreter is missing', web: 'rootfs: ./root\ncommand: script' },
  { what: 'a script whose program is missing', web: 'rootfs: ./root\ncommand: envd' },
  { what: 'a health check that is missing', web: `${fits}\nhealthcheck: {test: [CMD, curl, localhost]}` },
  { what: 'a user that is missing', web: `${fits}\nuser: ap` },
  { what: 'a group that is missing', web: `${fits}\ngroup_add: [nobody]` },
  {
    what: 'a source that is missing',
    web: `${fits}\nvolumes:\n  - {type: bind, source: ./dta, target: /x, bind: {create_host_path: false}}`,
  },
  { what: 'a file over a directory', web: `${fits}\nvolumes: ["./note:/etc"]` },
  { what: 'a directory over a file', web: `${fits}\nvolumes: ["./data:/etc/passwd"]` },
  { what: 'a device that is missing', web: `${fits}\ndevices: [/dev/no-such-device]` },
  { what: 'a device below one that is none', web: `${fits}\ndevices: [/dev/null/x]` },
  { what: 'a source below a file', web: `${fits}\nvolumes: ["./note/x:/x"]` },
  { what: 'more CPUs than there are', web: `${fits}\ncpus: 64` },
  { what: 'a CPU that is not there', web: `${fits}\ncpuset: "0-7"` },
  {
    what: 'a limit without its controller',
    web: `${fits}\npids_limit: 10\nmem_limit: 64m`,
    on: { controllers: new Set() },
  },
  { what: 'a user who is not root', web: fits, on: { uid: 1000 } },
  {
    what: 'a kernel that lacks something',
    web: fits,
    on: {
      lacks: [
        {
          title: 'overlay',
          found: 'the kernel does not know it',
          effect: 'no root can be shared',
          remedy: 'load it: modprobe overlay',
        },
      ],
    },
  },
  {
    what: 'ports that others have',
    web: `${fits}\nports: ["80:80", "127.0.0.1:8080:80", "5000-5010:80/udp"]`,
    on: {
      findTaken: ({ target, published }) => {
        if (published?.first === 80) return { holder: { pid: 7, name: 'nginx' } };
        if (published?.first === 8080) return { holder: { pid: 8, name: 'tsc-net', project: 'shop' } };
        return target === 80 ? {} : undefined;
      },
    },
  },
  {
    what: 'several things at once',
    web: 'rootfs: ./root\ncommand: ap\nuser: ap\ndevices: [/dev/no-such-device]\ncpus: 64',
  },
];

for (const { what, web, on } of cases) {
  test(what, async () => {
    const lines = web.split('\n').map((line) => `    ${line}\n`);
    writeFileSync(`${directory}/stack.yml`, `services:\n  web:\n${lines.join('')}`);
    const loaded = loadProject({ cwd: directory, home: '/root', environment: {} }, hostFiles);
    expect(loaded.diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    const store = join(directory, 'store') as HostPath;
    const found = await preflight(desiredState(loaded.project!).containers, {
      host: { ...machine, ...on },
      prepare: (source) => prepareRootfs(source, store, { hostPath: '/usr/bin:/bin' }),
    });
    expect(found.length > 0).toBe(what !== 'nothing is wrong');
    for (const { notes } of found) expect(notes).not.toEqual([]);
    const text = renderDiagnostics(found, { paint: painter(false), width: 120 });
    told.push(`=== ${what}\n${text.replaceAll(directory, '/work/demo')}`);
  });
}

test('all of it is said as it is written down', async () => {
  await expect(told.join('\n')).toMatchFileSnapshot('./preflight.txt');
});
