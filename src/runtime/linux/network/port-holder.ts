import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

/** Who has a port of this host: the process, and the project if it is one of our net processes. */
export type PortHolder = {
  readonly pid: number;
  /** Name of the program. */
  readonly name: string;
  readonly project?: string;
};

const LISTEN = '0A';

/** Finds the process that listens on a port; undefined when it is in another namespace, or gone by now. */
export function findPortHolder(port: number, protocol: 'tcp' | 'udp'): PortHolder | undefined {
  const inodes = new Set([protocol, `${protocol}6`].flatMap((table) => socketsOn(table, port)));
  if (inodes.size === 0) return undefined;
  for (const entry of list('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    if (!list(`/proc/${entry}/fd`).some((fd) => inodes.has(link(`/proc/${entry}/fd/${fd}`)))) continue;
    const name = read(`/proc/${entry}/comm`).trim();
    const home = name === 'tsc-net' ? basename(link(`/proc/${entry}/cwd`)) : '';
    return {
      pid: Number(entry),
      name,
      ...(home.endsWith('.network') ? { project: home.slice(0, -'.network'.length) } : {}),
    };
  }
  return undefined;
}

/** Sockets bound to the port, as /proc/PID/fd shows them. */
function socketsOn(table: string, port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return read(`/proc/net/${table}`)
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(wanted) && (table.startsWith('udp') || state === LISTEN))
    .map((fields) => `socket:[${fields[9]}]`);
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
