import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { loadNative, type Native } from '../../../../../src/runtime/linux/native.ts';
import { NetlinkSocket } from '../../../../../src/runtime/linux/network/netlink-socket.ts';
import { inNetns, inNewNetns } from '../../../../../src/runtime/linux/network/netns.ts';
import { whereIs } from '../../../../support/capabilities.ts';

/** Why tests that need namespaces of their own cannot run here; undefined when they can. */
export const cannotMakeNetns =
  process.getuid?.() !== 0
    ? 'needs root for network namespaces'
    : ['ip', 'nft', 'iptables', 'nsenter']
        .filter((name) => whereIs(name) === undefined)
        .map((name) => `needs ${name}`)[0];

/** A network namespace that lives as long as its descriptor. */
export class ScratchNetns implements Disposable {
  readonly native: Native;
  readonly fd: number;

  private constructor(native: Native) {
    this.native = native;
    this.fd = inNewNetns(native, () => openSync('/proc/thread-self/ns/net', 'r'));
  }

  static async make(): Promise<ScratchNetns> {
    return new ScratchNetns(await loadNative());
  }

  /** A path by which other programs can enter it. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.fd}`;
  }

  socket(protocol: number): NetlinkSocket {
    return inNetns(this.native, this.fd, () => new NetlinkSocket(this.native, protocol));
  }

  /** Output of a command run inside. */
  run(...argv: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('nsenter', [`--net=${this.path}`, ...argv], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`);
    return stdout;
  }

  json(...argv: readonly string[]): unknown {
    return JSON.parse(this.run(...argv));
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}
