import { lstatSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KernelError, loadNative, type Native } from '../native.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../network/netlink-socket.ts';
import { type ChainSeen, decodeChain, dumpChains, type NfFamily } from '../network/nftables.ts';

/** What can only be known by trying. */
export type DoctorProbes = {
  readonly overlay: OverlayProbe;
  readonly packetFilter: PacketFilterProbe;
};

export type OverlayProbe =
  | { readonly kind: 'works' }
  | { readonly kind: 'refused'; readonly errno: string }
  /** It can be mounted, but a deletion or a replaced directory is not kept. */
  | { readonly kind: 'incomplete'; readonly lacks: string }
  | { readonly kind: 'not-tried'; readonly because: string };

export type PacketFilterProbe =
  | { readonly kind: 'seen'; readonly chains: readonly (ChainSeen & { readonly family: NfFamily })[] }
  | { readonly kind: 'refused'; readonly errno: string };

/** `directory` exists, and writable layers lie on its filesystem. Leaves nothing behind, on no path. */
export async function tryMachine(directory: string): Promise<DoctorProbes> {
  const native = await loadNative();
  return { packetFilter: readChains(native), overlay: tryOverlay(native, directory) };
}

function readChains(native: Native): PacketFilterProbe {
  try {
    const socket = new NetlinkSocket(native, NETLINK_NETFILTER);
    try {
      const families = ['inet', 'ip', 'ip6'] as const satisfies readonly NfFamily[];
      const chains = families.flatMap((family) =>
        socket.dump(dumpChains(family)).map((message) => ({ ...decodeChain(message), family })),
      );
      return { kind: 'seen', chains };
    } finally {
      socket.close();
    }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { kind: 'refused', errno: error.code };
  }
}

const CLONE_NEWNS = 0x20000;
const MS_REC_PRIVATE = 0x4000 | 0x40000;
const MNT_DETACH = 2;

/** In a mount namespace of this thread alone, which nobody else sees and which ends with the command. */
function tryOverlay(native: Native, directory: string): OverlayProbe {
  let place: string;
  try {
    place = mkdtempSync(join(directory, '.doctor-'));
  } catch (error) {
    return { kind: 'not-tried', because: `cannot write to ${directory}: ${(error as NodeJS.ErrnoException).code}` };
  }
  try {
    native.unshare(CLONE_NEWNS);
    native.mount('none', '/', { type: 'none', flags: MS_REC_PRIVATE });
    return tryLayers(native, place);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { kind: 'not-tried', because: error.message };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function tryLayers(native: Native, place: string): OverlayProbe {
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(place, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const path of [upper, work, merged, join(lower, 'directory')]) mkdirSync(path, { recursive: true });
  writeFileSync(join(lower, 'file'), '');
  const data = `lowerdir=${lower},upperdir=${upper},workdir=${work},volatile,redirect_dir=nofollow,metacopy=off,index=off`;
  try {
    native.mount('tscompose', merged, { type: 'overlay', flags: 0, data });
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return { kind: 'refused', errno: error.code };
  }
  try {
    unlinkSync(join(merged, 'file'));
    rmdirSync(join(merged, 'directory'));
    mkdirSync(join(merged, 'directory'));
    const whiteout = lstatSync(join(upper, 'file'));
    if (!whiteout.isCharacterDevice() || whiteout.rdev !== 0) return { kind: 'incomplete', lacks: 'no whiteouts' };
    const opaque = native.attribute(join(upper, 'directory'), 'trusted.overlay.opaque');
    return opaque === undefined ? { kind: 'incomplete', lacks: 'no opaque directories' } : { kind: 'works' };
  } catch (error) {
    return { kind: 'incomplete', lacks: `a deletion says ${(error as NodeJS.ErrnoException).code ?? String(error)}` };
  } finally {
    native.umount(merged, MNT_DETACH);
  }
}
