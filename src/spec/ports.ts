import { err, ok, type Result } from '../util/result.ts';
import { family } from './address.ts';

/** One published port in compose's long form. */
export type PortSpec = {
  readonly hostIp?: string;
  /** `8080`, or a range `8000-8010` of which the first free one is taken. */
  readonly published?: string;
  readonly target: number;
  readonly protocol: string;
};

type Range = { readonly first: number; readonly last: number };

/** A service may publish at most this many ports with one line. */
const maxRange = 10_000;

/** `[HOST_IP:][HOST:]CONTAINER[/PROTOCOL]`, ranges expanded; the error says what is wrong. */
export function parsePort(text: string): Result<readonly PortSpec[], string> {
  const [mapping = '', protocol = 'tcp', ...rest] = text.split('/');
  if (rest.length > 0 || (text.includes('/') && protocol === ''))
    return err('the protocol after "/" must be tcp, udp or sctp');
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase()))
    return err(`protocol "${protocol}" is not tcp, udp or sctp`);
  const split = splitAddress(mapping);
  if (!split.ok) return split;
  const { hostIp, host, container } = split.value;
  if (container === '') return err('the container port is missing');
  const targets = parseRange(container);
  if (targets === undefined) return err(`"${container}" is not a port (1-65535) or a range of ports`);
  const published = host === '' ? undefined : parseRange(host);
  if (host !== '' && published === undefined) return err(`"${host}" is not a port (1-65535) or a range of ports`);
  return expand({ hostIp, targets, published, protocol: protocol.toLowerCase() });
}

function splitAddress(mapping: string): Result<{ hostIp?: string; host: string; container: string }, string> {
  const bracket = /^\[([^\]]*)\]:(.*)$/.exec(mapping);
  const parts = (bracket?.[2] ?? mapping).split(':');
  const container = parts.pop() as string;
  const host = parts.pop() ?? '';
  const address = bracket?.[1] ?? (parts.length > 0 ? parts.join(':') : undefined);
  if (bracket !== null && parts.length > 0) return err('too many colons');
  if (address === undefined) return ok({ host, container });
  if (family(address) === 0) {
    return err(
      parts.length > 1 && bracket === null
        ? 'too many colons (an IPv6 address needs brackets)'
        : `"${address}" is not an IP address`,
    );
  }
  if (bracket === null && family(address) === 6) return err('an IPv6 address needs brackets: [::1]:8080:80');
  return ok({ hostIp: address, host, container });
}

/** `80` or `8000-8010`. */
export function parseRange(text: string): Range | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && last <= 65_535 && first <= last ? { first, last } : undefined;
}

function expand(port: {
  hostIp?: string | undefined;
  targets: Range;
  published?: Range | undefined;
  protocol: string;
}): Result<readonly PortSpec[], string> {
  const { targets, published, protocol } = port;
  const common = { ...(port.hostIp === undefined ? {} : { hostIp: port.hostIp }), protocol };
  const count = targets.last - targets.first + 1;
  if (count > maxRange) return err(`a range of ${count} ports is too long (at most ${maxRange})`);
  if (published === undefined) {
    return ok(Array.from({ length: count }, (_, i) => ({ ...common, target: targets.first + i })));
  }
  const width = published.last - published.first + 1;
  if (count === 1) {
    const text = width === 1 ? `${published.first}` : `${published.first}-${published.last}`;
    return ok([{ ...common, published: text, target: targets.first }]);
  }
  if (width !== count) return err(`the ranges differ in length: ${width} host ports for ${count} container ports`);
  return ok(
    Array.from({ length: count }, (_, i) => ({
      ...common,
      published: `${published.first + i}`,
      target: targets.first + i,
    })),
  );
}
