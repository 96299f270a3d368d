import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Rig, runCli, scenario } from '../support/scenario.ts';
import { root } from '../support/tree.ts';

type Finding = { readonly id: string; readonly status: string; readonly found: string; readonly remedy?: string };

const examined = async (env: { readonly [name: string]: string } = {}): Promise<readonly Finding[]> =>
  JSON.parse((await runCli(['doctor', '--json'], { env })).stdout);

/** What doctor finds when `wrapper` (unshare, prlimit …) starts it. */
const examinedIn = (wrapper: readonly string[]): readonly Finding[] => {
  const [program = '', ...args] = [...wrapper, process.execPath, `${root}/dist/tscompose.cjs`, 'doctor', '--json'];
  return JSON.parse(execFileSync(program, args, { encoding: 'utf8' }));
};
const named = (findings: readonly Finding[], id: string) => findings.find((finding) => finding.id === id);

describe('doctor', () => {
  scenario('has every item, finds nothing missing here, and leaves nothing behind', [], async (rig: Rig) => {
    const lib = rig.path('var/lib/tscompose');
    mkdirSync(lib, { recursive: true });
    const findings = await examined({ TSCOMPOSE_ROOT: rig.directory });
    const ids = findings.map(({ id }) => id);
    for (const id of [
      'root',
      'kernel',
      'filesystem.overlay',
      'overlay.features',
      'idmap',
      'cgroup.v2',
      'seccomp',
      'bpf',
    ])
      expect(ids).toContain(id);
    for (const id of ['userns', 'subuid', 'nftables', 'firewall', 'inotify', 'files', 'processes', 'disk', 'shim'])
      expect(ids).toContain(id);
    expect(findings.filter(({ status }) => status === 'missing')).toEqual([]);
    expect(named(findings, 'overlay.features')?.found).toContain('whiteouts');
    expect(readdirSync(lib)).toEqual([]);
  });

  scenario('names the directory where each controller lives: a cgroup can be made there', [], async (rig) => {
    const findings = (await examined()).filter(({ id, status }) => /^cgroup\.(?!v2)/.test(id) && status === 'ok');
    expect(findings.length).toBeGreaterThan(0);
    for (const { id, found } of findings) {
      const [, version, base = ''] = /^(v1|v2), (.*)$/.exec(found) ?? [];
      const directory = `${base}/${rig.project}`;
      mkdirSync(directory);
      try {
        const controller = id === 'cgroup.io' && version === 'v1' ? 'blkio' : id.slice('cgroup.'.length);
        const list = readdirSync(directory).some((name) => name.startsWith(`${controller}.`));
        expect(list, `${controller} in ${directory}`).toBe(true);
      } finally {
        rmdirSync(directory);
      }
    }
  });

  scenario('names capabilities that are dropped, and what that costs', ['setpriv'], async () => {
    const finding = named(examinedIn(['setpriv', '--bounding-set=-net_admin']), 'capabilities.net_admin');
    expect(finding).toMatchObject({ status: 'limited', effect: expect.stringContaining('no networks') });
  });

  scenario('sees the limits that it runs under', ['prlimit'], async () => {
    const findings = examinedIn(['prlimit', '--nofile=512:512', '--nproc=900:900']);
    expect(named(findings, 'files')).toMatchObject({ status: 'limited', found: 'soft 512, hard 512' });
    expect(named(findings, 'processes')).toMatchObject({ status: 'limited', remedy: 'ulimit -Hu 65536' });
  });

  scenario('sees a firewall that drops what is forwarded, and its remedy is valid', ['unshare', 'nft'], async () => {
    const table = 'table inet walls { chain f { type filter hook forward priority 0; policy drop; }; }';
    const script = (then: string) => ['unshare', '-n', 'sh', '-ec', `nft '${table}'; ${then}; exec "$@"`, 'sh'];
    const finding = named(examinedIn(script('true')), 'firewall');
    expect(finding).toMatchObject({ status: 'limited', found: 'inet walls f drops what is forwarded' });
    examinedIn(script(finding?.remedy ?? 'false'));
    const docker = 'table ip filter { chain DOCKER-USER { }; }';
    expect(
      named(examinedIn(['unshare', '-n', 'sh', '-ec', `nft '${docker}'; exec "$@"`, 'sh']), 'firewall'),
    ).toMatchObject({
      status: 'ok',
      found: expect.stringContaining('DOCKER-USER'),
    });
  });

  scenario(
    'sees that a filesystem cannot carry writable layers, and leaves nothing there',
    ['unshare'],
    async (rig) => {
      const lib = rig.path('var/lib/tscompose');
      mkdirSync(lib, { recursive: true });
      const script = `mount -t ramfs none ${lib}; export TSCOMPOSE_ROOT=${rig.directory}; "$@" || :; ls -A ${lib} >&2`;
      const findings = examinedIn(['unshare', '-m', 'sh', '-ec', script, 'sh']);
      expect(named(findings, 'overlay.features')).toMatchObject({ status: 'missing' });
      expect(named(findings, 'idmap')).toMatchObject({ status: 'limited' });
    },
  );

  scenario('exits 4 for a user who is not root, with the line that helps', ['setpriv'], async (rig) => {
    rig.write('empty', '');
    const node = [process.execPath, `${root}/dist/tscompose.cjs`, 'doctor', '--json'];
    const script = '"$@"; echo "code $?"';
    const wrapper = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', script, 'sh'];
    const output = execFileSync(wrapper[0] ?? '', [...wrapper.slice(1), ...node], { encoding: 'utf8', cwd: '/' });
    expect(output).toContain('code 4');
    expect(output).toContain('sudo tscompose');
  });

  scenario('says what a certificate bundle costs Node 20', [], async () => {
    const bundle = '/etc/ssl/certs/ca-certificates.crt';
    const finding = named(await examined({ NODE_EXTRA_CA_CERTS: bundle }), 'certificates');
    if (Number(process.versions.node.split('.')[0]) >= 22) expect(finding).toBeUndefined();
    else expect(finding).toMatchObject({ status: 'limited', found: bundle });
  });
});
