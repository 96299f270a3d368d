import { type SetupOp, shared } from '../frame.ts';
import type { ContainerFacts } from './facts.ts';
import { fileType } from './flags.ts';
import { op } from './op.ts';

const standardNodes: readonly (readonly [string, number, number])[] = [
  ['/dev/null', 1, 3],
  ['/dev/zero', 1, 5],
  ['/dev/full', 1, 7],
  ['/dev/random', 1, 8],
  ['/dev/urandom', 1, 9],
  ['/dev/tty', 5, 0],
];

const links: readonly (readonly [string, string])[] = [
  ['pts/ptmx', '/dev/ptmx'],
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
];

/** The nodes and links of /dev, on the tmpfs that was mounted there; then the devices the stack file asks for. */
export function deviceNodeOps(facts: ContainerFacts): SetupOp[] {
  const ops = [...shared(`devices ${facts.kcore}`, () => standardOps(facts))];
  for (const { target, type, major, minor, mode, uid, gid, configPath } of facts.devices) {
    if (standardNodes.some(([standard]) => standard === target)) continue;
    const kind = type === 'c' ? fileType.CHARACTER : fileType.BLOCK;
    ops.push(op('MKNOD', { numbers: [kind | mode, major, minor, uid, gid], strings: [target], configPath }));
  }
  return ops;
}

function standardOps({ kcore }: Pick<ContainerFacts, 'kcore'>): SetupOp[] {
  const nodes = standardNodes.map(([target, major, minor]) =>
    op('MKNOD', { numbers: [fileType.CHARACTER | 0o666, major, minor, 0, 0], strings: [target] }),
  );
  const says = kcore ? [...links, ['/proc/kcore', '/dev/core'] as const] : links;
  return [...nodes, ...says.map((strings) => op('SYMLINK', { strings }))];
}
