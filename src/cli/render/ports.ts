import type { PublishedPort } from '../../model/project.ts';

/** Where a published port is reached, `0.0.0.0:8080` or `[::1]:8080`; undefined when no host port is known. */
export function hostAddress({ hostIp = '0.0.0.0', published }: PublishedPort): string | undefined {
  if (published === undefined) return undefined;
  const range = published.first === published.last ? `${published.first}` : `${published.first}-${published.last}`;
  return `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${range}`;
}

/** `0.0.0.0:8080->80/tcp`, or `80/tcp` when no host port is known. */
export function portText(port: PublishedPort): string {
  const host = hostAddress(port);
  return `${host === undefined ? '' : `${host}->`}${port.target}/${port.protocol}`;
}
