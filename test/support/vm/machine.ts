import { spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RootfsSource } from '../../../src/model/project.ts';
import type { HostPath } from '../../../src/model/units.ts';
import { prepareRootfs } from '../../../src/runtime/linux/rootfs/prepare.ts';
import { beside, codeOf } from '../child.ts';
import { root } from '../tree.ts';
import { type Tree, writeCpio } from './cpio.ts';
import { fetchKernel } from './kernel.ts';
import { systemdTrees } from './systemd.ts';

export type VmRun = {
  /** What the script wrote to stdout and stderr. */
  readonly output: string;
  /** Its exit code; undefined when the machine ended without saying. */
  readonly code: number | undefined;
};

export type VmOptions = {
  /** Run by busybox sh in /vm, with `node` in PATH and the build in /vm/dist. */
  readonly script: string;
  /** Further files: name below /vm → text. */
  readonly files?: { readonly [name: string]: string };
  /** systemd is PID 1, and the script one of its services. */
  readonly systemd?: boolean;
  /** The image of a file system that is /var/lib, with the units of the administrator on it; without one nothing is kept. */
  readonly disk?: string;
  readonly timeoutMs?: number;
};

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Boots a small machine with pure cgroup v2 (qemu without acceleration), runs a script in it and reads its serial line.
 * Nothing of it outlives the call but its disk, if it has one; its network is none.
 */
export async function runInVm({ script, files = {}, systemd, disk, timeoutMs = 300_000 }: VmOptions): Promise<VmRun> {
  const kernel = fetchKernel();
  if (typeof kernel === 'string') throw new Error(kernel);
  const scratch = mkdtempSync(join(tmpdir(), 'tscompose-vm-'));
  try {
    const initrd = join(scratch, 'initrd');
    await writeCpio(initrd, [
      ...(await userspace(scratch)),
      ...(systemd ? systemdTrees() : []),
      ...ours({ scratch, script, files, modules: kernel.modules }),
    ]);
    return await boot({ image: kernel.image, initrd, disk, timeoutMs });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Node and a shell, made the way containers get theirs. */
async function userspace(scratch: string): Promise<readonly Tree[]> {
  const source: RootfsSource = { kind: 'host', programs: ['node', 'busybox'] };
  const prepared = await prepareRootfs(source, join(scratch, 'store') as HostPath);
  if (!prepared.ok) throw new Error(prepared.error.message);
  return [...prepared.value.lowers].reverse().map((from) => ({ from, to: '/' }));
}

type Ours = Pick<VmOptions, 'script'> & {
  readonly scratch: string;
  readonly files: NonNullable<VmOptions['files']>;
  readonly modules: readonly string[];
};

function ours({ scratch, script, files, modules }: Ours): readonly Tree[] {
  const vm = join(scratch, 'vm');
  mkdirSync(join(vm, 'modules'), { recursive: true });
  modules.forEach((module, at) => {
    copyFileSync(module, join(vm, 'modules', `${String(at).padStart(2, '0')}-${basename(module)}`));
  });
  for (const [name, text] of Object.entries({ ...files, 'run.sh': script })) {
    mkdirSync(dirname(join(vm, name)), { recursive: true });
    writeFileSync(join(vm, name), text);
  }
  const init = join(scratch, 'init');
  copyFileSync(join(here, 'init.sh'), init);
  chmodSync(init, 0o755);
  return [
    { from: '/bin/busybox', to: '/bin/busybox' },
    { from: vm, to: '/vm' },
    { from: join(root, 'dist'), to: '/vm/dist' },
    { from: join(root, 'package.json'), to: '/vm/package.json' },
    ...['koffi', '@koromix/koffi-linux-x64'].map((name) => ({
      from: join(root, 'node_modules', name),
      to: `/vm/node_modules/${name}`,
    })),
    { from: init, to: '/init' },
  ];
}

type Boot = {
  readonly image: string;
  readonly initrd: string;
  readonly disk: string | undefined;
  readonly timeoutMs: number;
};

async function boot({ image, initrd, disk, timeoutMs }: Boot): Promise<VmRun> {
  const hardware = [
    ...['-machine', 'q35,accel=tcg', '-cpu', 'max', '-smp', '2', '-m', '1536', '-nodefaults', '-no-user-config'],
    ...['-display', 'none', '-serial', 'stdio', '-no-reboot', '-nic', 'none'],
    ...['-kernel', image, '-initrd', initrd, '-append', 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all'],
    ...(disk === undefined ? [] : ['-drive', `file=${disk},if=virtio,format=raw`]),
  ];
  const child = beside(spawn('qemu-system-x86_64', hardware, { stdio: ['ignore', 'pipe', 'pipe'] }));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => chunks.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => chunks.push(bytes));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await codeOf(child).finally(() => clearTimeout(timer));
  const text = Buffer.concat(chunks).toString().replaceAll('\r', '');
  const begin = text.indexOf('VM-READY\n');
  const exit = /^VM-EXIT (\d+)$/m.exec(text);
  const output = text.slice(begin === -1 ? 0 : begin + 'VM-READY\n'.length, exit?.index);
  return { output, code: exit?.[1] === undefined ? undefined : Number(exit[1]) };
}
