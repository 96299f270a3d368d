import { basename } from 'node:path';
import type { PublishedPort } from '../../../model/project.ts';
import { KernelError, type Native } from '../native.ts';
import { type Address, addressBytes, parseAddress } from './addresses.ts';
import { entriesOf, linkAt, textAt } from './proc-files.ts';

/** Who has a port of this host: the process, and the project if it is one of our net processes. */
export type PortHolder = {
  readonly pid: number;
  /** Name of the program. */
  readonly name: string;
  readonly project?: string;
};

const LISTEN = '0A';
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

/** Finds the process that listens on a port; undefined when it is in another namespace, or gone by now. */
export function findPortHolder(port: number, protocol: 'tcp' | 'udp'): PortHolder | undefined {
  return holdersOf(socketsOf(protocol).filter((socket) => socket.port === port))[0];
}

/** No port of these can be bound, and no process of the project `own` is the reason. */
export type Taken = { readonly holder?: PortHolder };

/** Who has which port at this moment. */
export function takenPorts(native: Native, own: string): (port: PublishedPort) => Taken | undefined {
  return (port) => findTaken(native, port, own);
}

/**
 * Whether a port, or every one of a range, is taken already. The kernel is asked, by binding it for a moment: its tables of
 * sockets do not tell whether one for both families leaves room for one of IPv4, and take longer to read than all else that
 * is looked at before a start.
 */
function findTaken(native: Native, port: PublishedPort, own: string): Taken | undefined {
  const { hostIp, published, protocol } = port;
  if (published === undefined || published.first === 0) return undefined;
  const wanted = hostIp === undefined ? everywhere : [parseAddress(hostIp) ?? []].flat();
  for (let number = published.first; number <= published.last; number++)
    if (!wanted.some((address) => isInUse(native, { address, port: number, protocol }))) return undefined;
  const holders = holdersOf(inTheWay(port, wanted));
  // What our own containers have will be theirs again, or is free by the time it is needed.
  if (holders.some(({ project }) => project === own)) return undefined;
  return holders[0] === undefined ? {} : { holder: holders[0] };
}

/** 0.0.0.0 and ::. */
const everywhere: readonly Address[] = [
  { family: 4, value: 0n },
  { family: 6, value: 0n },
];

type Place = { readonly address: Address; readonly port: number; readonly protocol: 'tcp' | 'udp' };

/** With the options of the listener that the net process will make (native/net/listen.c). */
function isInUse(native: Native, { address, port, protocol }: Place): boolean {
  let fd: number | undefined;
  try {
    const type = protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM;
    fd = native.socket(address.family === 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
    if (address.family === 6) native.setSocketOption(fd, IPPROTO_IPV6, { name: IPV6_V6ONLY, value: 1 });
    if (protocol === 'tcp') native.setSocketOption(fd, SOL_SOCKET, { name: SO_REUSEADDR, value: 1 });
    native.bind(fd, socketAddress(address, port));
    return false;
  } catch (error) {
    // Whatever else is wrong with it is said by who listens there in earnest.
    if (error instanceof KernelError) return error.code === 'EADDRINUSE';
    throw error;
  } finally {
    if (fd !== undefined) native.close(fd);
  }
}

/** sockaddr_in or sockaddr_in6. */
function socketAddress(address: Address, port: number): Buffer {
  const bytes = Buffer.alloc(address.family === 4 ? 16 : 28);
  bytes.writeUInt16LE(address.family === 4 ? AF_INET : AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  addressBytes(address).copy(bytes, address.family === 4 ? 4 : 8);
  return bytes;
}

/** The sockets that keep a port from being bound; one for both families only where no other explains it. */
function inTheWay({ published, protocol }: PublishedPort, wanted: readonly Address[]): Socket[] {
  const { first, last } = published ?? { first: 0, last: 0 };
  const there = socketsOf(protocol).filter(({ port }) => port >= first && port <= last);
  const mine = wanted.map((address) => addressBytes(address).swap32().toString('hex').toUpperCase());
  const certain = there.filter(({ address }) => mine.some((each) => collide(each, address)));
  return certain.length > 0 ? certain : there.filter(({ address }) => address === everyAddress[1]);
}

/** Addresses as /proc/net shows them: words of the machine, in hexadecimal. */
const everyAddress = ['0'.repeat(8), '0'.repeat(32)];

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
