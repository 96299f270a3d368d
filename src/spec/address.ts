const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = new RegExp(`^${byte}(?:\\.${byte}){3}$`);

/** 0: no address; 4 or 6: the family. */
export function family(text: string): 0 | 4 | 6 {
  if (ipv4.test(text)) return 4;
  return isIpv6(text) ? 6 : 0;
}

function isIpv6(text: string): boolean {
  const [address = '', zone] = text.split('%', 2);
  if (zone === '' || !address.includes(':')) return false;
  const halves = address.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const tail = groups.at(-1);
  const embedded = tail !== undefined && ipv4.test(tail) && !address.endsWith('::');
  if (embedded) groups.splice(-1, 1, '0', '0');
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}

/** `ADDRESS/BITS`; gives the family, or 0. */
export function cidrFamily(text: string): 0 | 4 | 6 {
  const match = /^(.+)\/(\d{1,3})$/.exec(text);
  if (match === null) return 0;
  const kind = family(match[1] as string);
  return Number(match[2]) <= (kind === 4 ? 32 : 128) ? kind : 0;
}

/** What sethostname(2) takes and resolvers understand; as in Docker, "_" may be in it. */
export const isHostname = (text: string): boolean =>
  text.length <= 64 && text.split('.').every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));

export const isMac = (text: string): boolean => /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i.test(text);
