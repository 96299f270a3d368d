import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { eventually } from './eventually.ts';
import { fileText, type Inspection, inspectionIn } from './inspection.ts';
import type { Rig, Row, ServiceText } from './scenario.ts';

/** The directory of a process in the hierarchy of a controller, as this process sees it; "" is cgroup2. */
export function cgroupDirectory(pid: number, controller: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n');
  const own = lines.map((line) => line.split(':')).find(([, names]) => (names ?? '').split(',').includes(controller));
  if (!own) throw new Error(`process ${pid} is in no ${controller || 'cgroup2'} hierarchy`);
  return `${mountPointOf(controller)}${own[2]}`;
}

function mountPointOf(controller: string): string {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const mount = lines.find((line) => {
    const [type, , options = ''] = (line.split(' - ')[1] ?? '').split(' ');
    return controller === '' ? type === 'cgroup2' : type === 'cgroup' && options.split(',').includes(controller);
  });
  if (!mount) throw new Error(`no mount of the ${controller || 'cgroup2'} hierarchy`);
  return mount.split(' ')[4] as string;
}

/** Where the limits of a controller live for this process: its v1 hierarchy, else cgroup2. */
export function limitDirectory(pid: number, controller: string): string {
  try {
    return cgroupDirectory(pid, controller);
  } catch {
    return cgroupDirectory(pid, '');
  }
}

/** What a limit is there. */
export function limitFile(pid: number, controller: string, v1: string, v2: string): string {
  try {
    return readFileSync(join(cgroupDirectory(pid, controller), v1), 'utf8').trim();
  } catch {
    return readFileSync(join(cgroupDirectory(pid, ''), v2), 'utf8').trim();
  }
}

/** Processor time that a container has used, by the accounting of its cgroup2 directory. */
export function usedCpuUs(pid: number): number {
  const match = /^usage_usec (\d+)$/m.exec(readFileSync(join(cgroupDirectory(pid, ''), 'cpu.stat'), 'utf8'));
  if (!match) throw new Error('no usage_usec in cpu.stat');
  return Number(match[1]);
}

/** A hash over names, types, modes, owners, contents and times of modification of everything below a directory. */
export function treeHash(path: string): string {
  const hash = createHash('sha256');
  const visit = (at: string, name: string): void => {
    const stat = lstatSync(at);
    hash.update(`${name}\0${stat.mode}\0${stat.uid}\0${stat.gid}\0${stat.mtimeMs}\0`);
    if (stat.isSymbolicLink()) hash.update(readlinkSync(at));
    if (stat.isFile()) hash.update(readFileSync(at));
    if (stat.isDirectory()) for (const entry of readdirSync(at).sort()) visit(join(at, entry), `${name}/${entry}`);
  };
  visit(path, '');
  return hash.digest('hex');
}

/**
 * Path and inode of everything below a directory, sorted: what was made anew has another inode. A link is what it is: that to
 * /run in a root would lead to what is going on on this machine.
 */
export function inodesBelow(path: string): string[] {
  const below = (at: string): string[] =>
    readdirSync(join(path, at)).flatMap((entry) => {
      const name = join(at, entry);
      const stat = lstatSync(join(path, name));
      return [`${name} ${stat.ino}`, ...(stat.isDirectory() ? below(name) : [])];
    });
  return below('').sort();
}

/** The container of a service once it runs, with its PID 1 as the host sees it. */
export function running(rig: Rig, service: string): Promise<Row & { readonly pid: number }> {
  return eventually(async () => {
    const row = await rig.row(service);
    expect(row.status).toMatchObject({ kind: 'running', pid: expect.any(Number) });
    return { ...row, pid: row.status.pid as number };
  });
}

/** The container of a service once it has ended, in whatever way. */
export function over(rig: Rig, service: string, withinMs = 15_000): Promise<Row> {
  return eventually(
    async () => {
      const row = await rig.row(service);
      expect(['exited', 'failed']).toContain(row.status.kind);
      return row;
    },
    { withinMs },
  );
}

/** Runs the inspector as a service with these keys, and returns what it saw. */
export async function inspect(rig: Rig, more: ServiceText = {}): Promise<Inspection> {
  rig.stack({ look: rig.inspector(more) });
  await rig.up();
  await over(rig, 'look');
  return inspectionIn((await rig.ok(['logs', '--no-log-prefix', 'look'])).stdout);
}

/** Numeric names in the container's /proc. */
export const processesSeen = (seen: Inspection): number[] =>
  Object.keys(seen.proc)
    .filter((name) => /^\d+$/.test(name))
    .map(Number);

export const cgroupLines = (seen: Inspection): string[] => fileText(seen, '/proc/self/cgroup').trim().split('\n');
