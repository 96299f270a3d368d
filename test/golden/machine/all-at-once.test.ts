import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostFiles } from '../../../src/cli/files.ts';
import { painter } from '../../../src/cli/render/color.ts';
import { renderDiagnostics } from '../../../src/cli/render/diagnostic.ts';
import type { HostPath } from '../../../src/model/units.ts';
import { desiredState } from '../../../src/project/desired.ts';
import { loadProject } from '../../../src/project/load.ts';
import { preflight } from '../../../src/runtime/linux/preflight.ts';
import { prepareRootfs } from '../../../src/runtime/linux/rootfs/prepare.ts';

/*
 * A file with a mistake of every kind, and a machine with some of its own: one run says all of it, and nothing that only
 * follows from something else. `vitest -u` writes the golden file.
 */

let directory = '';

const wrong = `name: demo
volums: {}
services:
  key: {rootfs: ./root, command: /bin/absent, volums: []}
  type: {rootfs: ./root, command: /bin/absent, hostname: [a]}
  size: {rootfs: ./root, command: /bin/absent, mem_limit: 64 apples}
  duration: {rootfs: ./root, command: /bin/absent, stop_grace_period: soon}
  signal: {rootfs: ./root, command: /bin/absent, stop_signal: SIGTREM}
  user: {rootfs: ./root, command: /bin/absent, user: "-1"}
  port: {rootfs: ./root, command: /bin/absent, ports: ["99999:80"]}
  cpu: {rootfs: ./root, command: /bin/absent, cpus: 0.001}
  memory: {rootfs: ./root, command: /bin/absent, mem_limit: 1m}
  target: {rootfs: ./root, command: /bin/absent, volumes: ["./data:/x"], tmpfs: /x}
  variable: {rootfs: ./root, command: "\${PROGRAM:?say which}"}
  rootless: {command: /bin/absent}
  unknown: {rootfs: ./root, command: /bin/app, depends_on: [absent]}
  one: {rootfs: ./root, command: /bin/app, depends_on: [two]}
  two: {rootfs: ./root, command: /bin/app, depends_on: [one]}
  root-missing: {rootfs: ./rot, command: /bin/app}
  root-file: {rootfs: ./note, command: /bin/app}
  command: {rootfs: ./root, command: /bin/absent}
  bind: {rootfs: ./root, command: /bin/app, volumes: [{type: bind, source: ./gone, target: /x, bind: {create_host_path: false}}]}
  cpus: {rootfs: ./root, command: /bin/app, cpus: 64}
  guest-user: {rootfs: ./root, command: /bin/app, user: nobody-knows}
  device: {rootfs: ./root, command: /bin/app, devices: [/dev/absent]}
  taken: {rootfs: ./root, command: /bin/app, ports: ["8080:80"]}
  whole: {rootfs: ./root, command: /bin/app}
networks:
  net: {driver: 3}
`;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsc-'));
  for (const folder of ['root/bin', 'root/etc', 'data']) mkdirSync(`${directory}/${folder}`, { recursive: true });
  writeFileSync(`${directory}/root/bin/app`, '', { mode: 0o755 });
  writeFileSync(`${directory}/root/etc/passwd`, 'app:x:7:7::/:/bin/sh\n');
  writeFileSync(`${directory}/note`, 'text');
});

afterAll(() => rmSync(directory, { recursive: true }));

const store = () => join(directory, 'store') as HostPath;

async function everythingWrong(text: string) {
  writeFileSync(`${directory}/stack.yml`, text);
  const { project, sound, diagnostics } = loadProject({ cwd: directory, home: '/root', environment: {} }, hostFiles);
  expect(project).toBeUndefined();
  const machine = await preflight(sound === undefined ? [] : desiredState(sound).containers, {
    host: {
      uid: 1000,
      cpus: [0, 1],
      controllers: new Set(['cpu', 'cpuset', 'memory', 'pids', 'io']),
      lacks: [{ title: 'overlay', found: 'the kernel does not know it', remedy: 'load it: modprobe overlay' }],
      programDirectories: ['/usr/bin', '/bin'],
      findTaken: () => ({ holder: { pid: 7, name: 'nginx' } }),
    },
    prepare: (source) => prepareRootfs(source, store(), { hostPath: '/usr/bin:/bin' }),
  });
  return [...diagnostics, ...machine];
}

test('a mistake of every kind, in the file and of the machine, is said in one run', async () => {
  const text = renderDiagnostics(await everythingWrong(wrong), { paint: painter(false), width: 120 });
  await expect(text.replaceAll(directory, '/work/demo')).toMatchFileSnapshot('./all-at-once.txt');
});

test('of a service with a mistake in it the machine is not asked, and its neighbour is not silenced', async () => {
  const found = await everythingWrong(wrong);
  const silent = ['key', 'type', 'size', 'duration', 'signal', 'user', 'port', 'cpu', 'memory', 'target', 'variable'];
  for (const name of silent) {
    expect(found.filter(({ summary }) => summary.includes(`"${name}"`)).map(({ code }) => code)).not.toContain(
      'command-missing',
    );
  }
  expect(found.filter(({ code }) => code === 'command-missing')).toHaveLength(1);
});

test('a mistake behind an anchor or in an extended service counts for whoever uses it', async () => {
  const text = `
x-common: &common {environment: {A: "\${A:?needed}"}}
services:
  anchored: {rootfs: ./root, command: /bin/absent, <<: *common}
  base: {rootfs: ./root, command: /bin/absent, mem_limit: 64 apples}
  extending: {extends: {service: base}}
  apart: {rootfs: ./root, command: /bin/absent}
`;
  const found = await everythingWrong(text);
  const missing = found.filter(({ code }) => code === 'command-missing').map(({ summary }) => summary);
  expect(missing).toHaveLength(1);
  expect(missing[0]).toContain('"apart"');
});

test('a file that is no YAML is said together with what every container would miss', async () => {
  const codes = (await everythingWrong('services:\n  web: [\n')).map(({ code }) => code);
  expect(codes).toEqual(['yaml-syntax', 'not-root', 'host-feature']);
});

test('the root filesystem of a broken service is not made', async () => {
  cpSync(`${directory}/note`, `${directory}/broken.tar`);
  const text = 'services:\n  web: {rootfs: ./broken.tar, command: x, volums: []}\n';
  expect((await everythingWrong(text)).map(({ code }) => code).sort()).toEqual([
    'host-feature',
    'not-root',
    'unknown-key',
  ]);
});
