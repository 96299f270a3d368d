import { lstatSync, readdirSync } from 'node:fs';
import type { DeviceNode } from '../sandbox/facts.ts';
import { nodeOf } from './node.ts';

/** What the container gets from elsewhere: its own terminals, shared memory and queues. */
const notDevices = new Set([
  'pts',
  'shm',
  'mqueue',
  'fd',
  'stdin',
  'stdout',
  'stderr',
  'console',
  'ptmx',
  '.udev',
  'core',
]);

/** Every device below a directory of the host, as it appears below `target`: for privileged containers and directories. */
export function hostDevices(directory = '/dev', target = directory): DeviceNode[] {
  const nodes: DeviceNode[] = [];
  for (const name of readdirSync(directory)) {
    if (directory === '/dev' && notDevices.has(name)) continue;
    const path = `${directory}/${name}`;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (stats.isDirectory()) nodes.push(...hostDevices(path, `${target}/${name}`));
    else if (stats.isCharacterDevice() || stats.isBlockDevice()) nodes.push(nodeOf(stats, `${target}/${name}`));
  }
  return nodes;
}
