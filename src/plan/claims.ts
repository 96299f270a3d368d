import type { ContainerConfig, PublishedPort } from '../model/project.ts';

/** Do both want a thing of the host that only one can have: a published port, or a fixed address on one network? */
export function claimsCollide(a: ContainerConfig, b: ContainerConfig): boolean {
  if (a.ports.some((port) => b.ports.some((other) => portsOverlap(port, other)))) return true;
  return a.networks.some((one) =>
    b.networks.some(
      (other) =>
        one.network === other.network &&
        ((one.ipv4Address !== undefined && one.ipv4Address === other.ipv4Address) ||
          (one.ipv6Address !== undefined && one.ipv6Address === other.ipv6Address)),
    ),
  );
}

/** Host addresses are not looked at: a needless edge in a plan costs less than a port that is taken. */
function portsOverlap(a: PublishedPort, b: PublishedPort): boolean {
  if (a.protocol !== b.protocol || a.published === undefined || b.published === undefined) return false;
  return a.published.first <= b.published.last && b.published.first <= a.published.last;
}
