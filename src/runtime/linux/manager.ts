import type { HostEnvironment } from './options.ts';

/** Whoever has started us and wants to know how far we are: systemd, or what speaks as it does. */
export type Manager = {
  /** Lines of sd_notify(3): `READY=1`. Never throws: nobody is stopped for want of a listener. */
  readonly tell: (lines: string) => Promise<void>;
};

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const longestPath = 107;

/** Without NOTIFY_SOCKET there is nobody, and telling costs nothing. */
export function openManager(environment: HostEnvironment): Manager {
  const path = environment['NOTIFY_SOCKET'];
  // A leading @ stands for the NUL of an abstract address.
  const isAddress = path !== undefined && /^[/@]./.test(path) && Buffer.byteLength(path) <= longestPath;
  if (!isAddress) return { tell: async () => {} };
  return {
    tell: async (lines) => {
      try {
        // Node speaks no datagrams over Unix sockets.
        const { loadNative } = await import('./native.ts');
        const native = await loadNative();
        const fd = native.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
        try {
          native.connect(fd, addressOf(path));
          native.send(fd, Buffer.from(lines));
        } finally {
          native.close(fd);
        }
      } catch {
        // It has gone, or refuses; the stack runs all the same.
      }
    },
  };
}

/** sockaddr_un; a path ends with its NUL, an abstract name with its last byte. */
function addressOf(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(AF_UNIX);
  return Buffer.concat([family, Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)]);
}
