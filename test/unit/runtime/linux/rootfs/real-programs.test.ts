import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { HostPath } from '../../../../../src/model/units.ts';
import { readCache, writeCache } from '../../../../../src/runtime/linux/rootfs/ld-cache.ts';
import { prepareRootfs } from '../../../../../src/runtime/linux/rootfs/prepare.ts';
import { findProgram, pathDirectories } from '../../../../../src/runtime/linux/rootfs/programs.ts';
import { scratchDirectories } from './scratch.ts';

const scratch = scratchDirectories();
const hostPath = process.env['PATH'] ?? '/usr/bin:/bin';
let store: HostPath;
const isRoot = process.getuid?.() === 0;
const cannotChroot = !isRoot;

// One store for all of them, as on a real machine; what they have in common is copied once.
beforeAll(() => {
  store = execFileSync('mktemp', ['-d', '/tmp/tscompose-store-XXXXXX'], { encoding: 'utf8' }).trim() as HostPath;
  return () => rmSync(store, { recursive: true, force: true });
});

/** Mounts the layers as a container would have them, in a mount namespace that goes with the command. */
const enter = `
mount -t tmpfs none "$1" && cd "$1" && mkdir upper work root &&
mount -t overlay -o "lowerdir=$2,upperdir=upper,workdir=work" none root &&
mount -t proc proc root/proc && mount -t tmpfs none root/dev && mkdir -m 1777 root/dev/shm &&
mknod -m 666 root/dev/null c 1 3 && mknod -m 666 root/dev/zero c 1 5 && mknod -m 666 root/dev/urandom c 1 9 &&
shift 2 && exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot root "$@"`;

async function run(programs: readonly string[], argv: readonly string[]): Promise<string> {
  const prepared = await prepareRootfs({ kind: 'host', programs }, store, { hostPath });
  if (!prepared.ok) throw new Error(prepared.error.message);
  const args = ['-mpfn', '--kill-child', 'sh', '-c', enter, 'sh', scratch(), prepared.value.lowers.join(':'), ...argv];
  return execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 50_000 });
}

const lacks = (name: string): boolean => findProgram(name, pathDirectories(hostPath)).path === undefined;

type Case = { readonly programs: readonly string[]; readonly script: readonly string[]; readonly says: RegExp };

const postgres = `mkdir() { :; }
setpriv --reuid postgres --regid postgres --clear-groups sh -ec '
initdb -D /var/lib/postgresql/data >/dev/null
pg_ctl -D /var/lib/postgresql/data -o "-k /tmp -c listen_addresses=" -l /tmp/log -w start >/dev/null
psql -h /tmp -d postgres -Atc "create extension pgcrypto" -c "select count(*) > 100 from pg_timezone_names"
pg_ctl -D /var/lib/postgresql/data -m fast stop'`;

const redis = `redis-server --port 0 --unixsocket /tmp/sock --save "" >/dev/null &
until redis-cli -s /tmp/sock ping >/dev/null 2>&1; do sleep 0.05; done
redis-cli -s /tmp/sock set key value; redis-cli -s /tmp/sock get key; redis-cli -s /tmp/sock shutdown nosave; wait`;

const nginx = `nginx -g 'daemon off;' & until [ -s /run/nginx.pid ]; do sleep 0.05; done
read pid </run/nginx.pid; kill -QUIT $pid; wait && echo stopped`;

const python = `import asyncio, bz2, ctypes, decimal, hashlib, json, lzma, socket, sqlite3, ssl, uuid, zoneinfo
assert ssl.create_default_context().cert_store_stats()['x509_ca'] > 10
socket.getaddrinfo('localhost', 80)
print(zoneinfo.ZoneInfo('Europe/Berlin'))`;

const cases: { readonly [name: string]: Case } = {
  sh: { programs: ['sh'], script: ['sh', '-c', 'echo /etc/pass*; echo $((6 * 7))'], says: /^\/etc\/passwd\n42$/ },
  bash: {
    programs: ['bash'],
    script: ['bash', '-c', 'TZ=Europe/Berlin printf "%(%H)T" 0; declare -A a'],
    says: /^01$/,
  },
  node: {
    programs: ['node', 'sh'],
    script: [
      'node',
      '-e',
      'require("child_process").execSync("echo child", { stdio: "inherit" }); require("dns").lookup("localhost", (e, a) => console.log(a, os.userInfo().username))',
    ],
    says: /^child\n(127\.0\.0\.1|::1) root$/,
  },
  python3: { programs: ['python3'], script: ['python3', '-c', python], says: /^Europe\/Berlin$/ },
  busybox: { programs: ['busybox'], script: ['busybox', 'sh', '-c', 'busybox echo here'], says: /^here$/ },
  perl: { programs: ['perl'], script: ['perl', '-MPOSIX', '-MSocket', '-e', 'print POSIX::floor(4.5)'], says: /^4$/ },
  nginx: { programs: ['nginx', 'sh', 'sleep'], script: ['sh', '-ec', nginx], says: /stopped$/ },
  'redis-server': {
    programs: ['redis-server', 'redis-cli', 'sh', 'sleep'],
    script: ['sh', '-c', redis],
    says: /^OK\nvalue/,
  },
  postgres: { programs: ['postgres', 'setpriv'], script: ['sh', '-ec', postgres], says: /CREATE EXTENSION\nt\n/ },
};

describe('a root filesystem made from programs of this host', () => {
  for (const [name, { programs, script, says }] of Object.entries(cases)) {
    const cannot = isRoot ? (lacks(name) ? 'this host does not have it' : '') : 'needs root';
    it.skipIf(cannot !== '')(`lets ${name} come up${cannot && ` (skipped: ${cannot})`}`, async () => {
      expect((await run(programs, script)).trim()).toMatch(says);
    });
  }

  it.skipIf(cannotChroot)('has a library cache that the loader of this host believes', async () => {
    const prepared = await prepareRootfs({ kind: 'host', programs: ['sh'] }, store, { hostPath });
    if (!prepared.ok) throw new Error(prepared.error.message);
    const root = `${scratch()}/root`;
    cpSync(prepared.value.lowers[0] as string, root, { recursive: true, verbatimSymlinks: true });

    // Names whose order is easily got wrong, in a directory that no loader searches by itself.
    const names = ['libt.so.9', 'libt.so.10', 'libt10.so', 'libt9a.so', 'libt-x.so', 'libT.so', 'libtz.so.1'];
    mkdirSync(`${root}/odd/place`, { recursive: true });
    const source = `${root}/odd/t.c`;
    names.forEach((name, index) => {
      writeFileSync(source, `int f${index}(void) { return ${2 ** index}; }\n`);
      execFileSync('cc', ['-shared', '-fPIC', `-Wl,-soname,${name}`, '-o', `${root}/odd/place/${name}`, source]);
    });
    writeFileSync(source, '#include <stdio.h>\n');
    appendFileSync(source, names.map((_, index) => `int f${index}(void);\n`).join(''));
    appendFileSync(source, `int main(void) { printf("%d", ${names.map((_, index) => `f${index}()`).join('+')}); }\n`);
    const libraries = names.map((name) => `${root}/odd/place/${name}`);
    execFileSync('cc', ['-o', `${root}/odd/app`, source, ...libraries]);
    expect(() => execFileSync('chroot', [root, '/odd/app'], { stdio: 'pipe' })).toThrow();

    const cache = readCache(readFileSync(`${root}/etc/ld.so.cache`)).map(({ name, path }) => [name, path] as const);
    const machine = process.arch === 'arm64' ? 183 : 62;
    const all = new Map([...cache, ...names.map((name) => [name, `/odd/place/${name}`] as const)]);
    writeFileSync(`${root}/etc/ld.so.cache`, writeCache(all, machine) ?? '');
    expect(execFileSync('chroot', [root, '/odd/app'], { encoding: 'utf8' })).toBe('127');
  });

  it('has nothing of the accounts, keys and settings of this host', async () => {
    const prepared = await prepareRootfs({ kind: 'host', programs: ['sh'] }, store, { hostPath });
    if (!prepared.ok) throw new Error(prepared.error.message);
    const root = prepared.value.lowers[0];
    const users = readFileSync(`${root}/etc/passwd`, 'utf8').split('\n').filter(Boolean);
    expect(users.map((line) => line.split(':')[0]).sort()).toEqual(['nobody', 'root']);
    for (const path of ['/etc/shadow', '/etc/ssl/private', '/root/.ssh', '/etc/ssh', '/home/*']) {
      expect(existsSync(`${root}${path}`)).toBe(false);
    }
    expect(readFileSync(`${root}/etc/resolv.conf`, 'utf8')).toBe('');
  });
});
