import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildNative } from '../../scripts/build-native.mjs';
import type { SetupOp } from '../../src/runtime/linux/frame.ts';
import { encodeRequest, type Request } from '../../src/runtime/linux/network/netlink.ts';
import {
  AF_INET,
  laterNetnsFd,
  NETNS_FD_LATER,
  newAddress,
  newRoute,
  newVeth,
  setLinkUp,
} from '../../src/runtime/linux/network/rtnl.ts';
import { cannotMakeNetns, ScratchNetns } from '../unit/runtime/linux/network/scratch.ts';
import { Rig } from './rig.ts';
import { Launcher, op, type Report, words } from './wire.ts';

const busybox = existsSync('/bin/busybox') ? undefined : 'needs /bin/busybox (package busybox-static)';
const cannotConnect = cannotMakeNetns ?? busybox;
if (cannotConnect !== undefined) console.log(`skipped: interfaces that a monitor makes: ${cannotConnect}`);

function netlink(netns: string, ...requests: Request[]): SetupOp {
  const bytes = Buffer.concat(requests.map((request, index) => encodeRequest(request, index + 1)));
  return op('NETLINK', [laterNetnsFd(bytes)], netns, bytes);
}

const here = Buffer.from([10, 9, 9, 2]);
const gateway = Buffer.from([10, 9, 9, 1]);

describe.skipIf(cannotConnect !== undefined)('a monitor and the network of its container', () => {
  let rig: Rig;
  let router: ScratchNetns;
  beforeAll(async () => {
    rig = new Rig(buildNative());
    router = await ScratchNetns.make();
  });
  afterAll(async () => {
    await rig.close();
    router[Symbol.dispose]();
  });

  const veth = (index: number): Request =>
    newVeth({
      near: { name: `veth${index}`, index },
      far: { name: 'eth0', index: 10, netnsFd: NETNS_FD_LATER },
      mtu: 1500,
    });

  async function refusal(...hold: SetupOp[]): Promise<Report> {
    const container = rig.container({ argv: ['true'], hold });
    const launcher = new Launcher(rig.shim);
    launcher.send(container.frame());
    launcher.close();
    const report = await launcher.next([3, 4]);
    await launcher.ended;
    return report;
  }

  test('it is connected before its command runs, with interfaces that were born as they were told', async () => {
    const settings = ['ipv6/conf/default/accept_ra=0', 'ipv4/conf/default/log_martians=1', 'no/such/sysctl=1'];
    const { output } = await rig
      .container({
        argv: ['sh', '-c', 'busybox ip addr; busybox ip route; cat /proc/sys/net/ipv4/conf/eth0/log_martians'],
        hold: [
          op('NET_SYSCTLS', [], words(settings)),
          netlink(router.path, veth(1000)),
          netlink(
            '',
            newAddress(10, { bytes: here, length: 24 }),
            setLinkUp(10),
            newRoute({ family: AF_INET, via: gateway, index: 10 }),
          ),
          netlink(''),
        ],
      })
      .run();
    expect(output).toMatch(/ eth0@.* inet 10\.9\.9\.2\/24 .*default via 10\.9\.9\.1 dev eth0/s);
    expect(output).toMatch(/\n1\n$/);
  });

  test('what the kernel refuses is said in its words, and the requests before it are not forgotten', async () => {
    const route = newRoute({ family: AF_INET, via: gateway, index: 10 });
    const report = await refusal(netlink(router.path, veth(1001)), netlink('', setLinkUp(10), route));
    expect(report).toMatchObject({ kind: 4, phase: 1, error: constants.errno.ENETUNREACH });
    expect(report.text).toContain('gateway');
    expect(await refusal(netlink('/run/no/such/netns', setLinkUp(1)))).toMatchObject({
      kind: 4,
      error: constants.errno.ENOENT,
      text: '/run/no/such/netns',
    });
  });

  test('bytes that are no requests are refused, and so is a descriptor outside of them', async () => {
    const bytes = encodeRequest(setLinkUp(1), 1);
    for (const bad of [op('NETLINK', [0], '', bytes.subarray(0, 20)), op('NETLINK', [bytes.length - 2], '', bytes)])
      expect(await refusal(bad)).toMatchObject({ kind: 4, error: constants.errno.EINVAL });
  });
});
