import { basename } from 'node:path';
import type { PublishedPort } from '../../../model/project.ts';
import { addressBytes, parseAddress } from './addresses.ts';
import { entriesOf, linkAt, textAt } from './proc-files.ts';

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
  return holdersOf(socketsOf(protocol).filter((socket) => socket.port === port))[0];
}

/** No port of these can be bound, and no process of the project `own` is the reason. */
export type Taken = { readonly holder?: PortHolder };

/** Who has which port at this moment, for one look at many of them: the tables of sockets are read once. */
export function takenPorts(own: string): (port: PublishedPort) => Taken | undefined {
  const tables = new Map<PublishedPort['protocol'], readonly Socket[]>();
  const read = (protocol: PublishedPort['protocol']): readonly Socket[] => {
    const sockets = tables.get(protocol) ?? socketsOf(protocol);
    tables.set(protocol, sockets);
    return sockets;
  };
  return (port) => findTaken(port, { own, read });
}

type Look = { readonly own: string; readonly read: (protocol: PublishedPort['protocol']) => readonly Socket[] };

/**
 * Whether a port, or every one of a range, is taken already. Only what is certain: a socket for both families may or may not
 * leave room for one of IPv4 beside it, which the table does not tell.
 */
function findTaken({ hostIp, published, protocol }: PublishedPort, { own, read }: Look): Taken | undefined {
  if (published === undefined || published.first === 0) return undefined;
  const wanted = hostIp === undefined ? everyAddress : [hexOf(hostIp)];
  const inTheWay = read(protocol).filter(
    ({ port, address }) =>
      port >= published.first && port <= published.last && wanted.some((mine) => collide(mine, address)),
  );
  if (new Set(inTheWay.map(({ port }) => port)).size <= published.last - published.first) return undefined;
  const holders = holdersOf(inTheWay);
  // What our own containers have will be theirs again, or is free by the time it is needed.
  if (holders.some(({ project }) => project === own)) return undefined;
  return holders[0] === undefined ? {} : { holder: holders[0] };
}

/** Addresses as /proc/net shows them: words of the machine, in hexadecimal. */
const everyAddress = ['0'.repeat(8), '0'.repeat(32)];

function hexOf(address: string): string {
  const parsed = parseAddress(address);
  return parsed === undefined ? '' : addressBytes(parsed).swap32().toString('hex').toUpperCase();
}

const collide = (one: string, other: string): boolean =>
  one.length === other.length && (one === other || everyAddress.includes(one) || everyAddress.includes(other));

type Socket = { readonly address: string; readonly port: number; readonly inode: string };

/** What listens, or receives datagrams from anybody. */
function socketsOf(protocol: 'tcp' | 'udp'): Socket[] {
  const lines = [protocol, `${protocol}6`].flatMap((table) => textAt(`/proc/net/${table}`).split('\n').slice(1));
  return lines.flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    const [address = '', port = ''] = local.split(':');
    if (inode === '' || (protocol === 'tcp' && state !== LISTEN)) return [];
    return [{ address, port: Number.parseInt(port, 16), inode }];
  });
}

/** The processes that have any of these sockets open. */
function holdersOf(sockets: readonly Socket[]): PortHolder[] {
  const names = new Set(sockets.map(({ inode }) => `socket:[${inode}]`));
  if (names.size === 0) return [];
  return entriesOf('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return [];
    if (!entriesOf(`/proc/${entry}/fd`).some((fd) => names.has(linkAt(`/proc/${entry}/fd/${fd}`)))) return [];
    const name = textAt(`/proc/${entry}/comm`).trim();
    const home = name === 'tsc-net' ? basename(linkAt(`/proc/${entry}/cwd`)) : '';
    const project = home.endsWith('.network') ? { project: home.slice(0, -'.network'.length) } : {};
    return [{ pid: Number(entry), name, ...project }];
  });
}
