import type { Bytes, Millis, SignalName } from '../model/units.ts';

/** Every parser here gives `undefined` for what it cannot read; the caller knows the key and the position. */

const byteUnits: { readonly [letter: string]: number } = { '': 0, b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `512m`, `1.5g`, `64 KiB`, `1024`, `-1`: all units are powers of 1024, as in compose. */
export function parseBytes(value: string | number): Bytes | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? safeBytes(value) : undefined;
  const match = /^(-?\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b)?$/i.exec(value.trim());
  const power = byteUnits[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || power === undefined) return undefined;
  const amount = Number(match[1]);
  if (amount < 0 && amount !== -1) return undefined;
  return safeBytes(Math.floor(amount * 1024 ** power));
}

const safeBytes = (value: number): Bytes | undefined =>
  Number.isSafeInteger(value) && value >= -1 ? (value as Bytes) : undefined;

const durationUnits: { readonly [unit: string]: number } = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** `1h5m30s20ms`, `1.5s`, `0`: a run of amounts with units. */
export function parseDuration(value: string): Millis | undefined {
  const text = value.trim();
  if (/^[-+]?0$/.test(text)) return 0 as Millis;
  if (!/^(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|[smhdw])/.test(text)) return undefined;
  let total = 0;
  let length = 0;
  for (const match of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|[smhdw])/g)) {
    if (match.index !== length) return undefined;
    length += match[0].length;
    total += Number(match[1]) * (durationUnits[match[2] as string] as number);
  }
  if (length !== text.length || total > Number.MAX_SAFE_INTEGER) return undefined;
  // Fractions beyond a nanosecond are noise of the multiplication.
  return (Math.round(total * 1e6) / 1e6) as Millis;
}

/** As Go prints durations, which is compose's normal form: `1h0m0s`, `1m30s`, `1.5s`, `100ms`, `0s`. */
export function formatDuration(duration: number): string {
  if (duration === 0) return '0s';
  if (duration < 0.001) return `${round(duration * 1e6)}ns`;
  if (duration < 1) return `${round(duration * 1e3)}µs`;
  if (duration < 1000) return `${round(duration)}ms`;
  const hours = Math.floor(duration / 3_600_000);
  const minutes = Math.floor((duration % 3_600_000) / 60_000);
  const seconds = round((duration % 60_000) / 1000, 9);
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`;
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`;
}

const round = (value: number, digits = 6): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** YAML 1.1's words, which compose still casts. */
export function parseBoolean(value: string | boolean): boolean | undefined {
  if (typeof value === 'boolean') return value;
  const word = value.toLowerCase();
  if (['true', 'yes', 'y', 'on', '1', 't'].includes(word)) return true;
  return ['false', 'no', 'n', 'off', '0', 'f'].includes(word) ? false : undefined;
}

/** A whole number, as a number or as text. */
export function parseInteger(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  const text = value.trim();
  if (!/^[-+]?(?:\d+|0x[0-9a-f]+|0o[0-7]+)$/i.test(text)) return undefined;
  const number = text.startsWith('-') ? -Number(text.slice(1)) : Number(text.replace(/^\+/, ''));
  return Number.isSafeInteger(number) ? number : undefined;
}

/** A decimal number, as a number or as text. */
export function parseDecimal(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  const text = value.trim();
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** Microseconds: a plain number, or a duration (`50ms`). */
export function parseMicros(value: string | number): number | undefined {
  const plain = parseDecimal(value);
  if (plain !== undefined) return Math.trunc(plain);
  const duration = typeof value === 'string' ? parseDuration(value) : undefined;
  return duration === undefined ? undefined : Math.round(duration * 1000);
}

/** Permission bits: an octal text (`"0440"`, `"0o440"`), or a number that YAML has read as octal already. */
export function parseMode(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value <= 0o7777 ? value : undefined;
  const match = /^(?:0o)?([0-7]{1,5})$/.exec(value.trim());
  const mode = match === null ? undefined : Number.parseInt(match[1] as string, 8);
  return mode === undefined || mode > 0o7777 ? undefined : mode;
}

export const formatMode = (mode: number): string => `0${mode.toString(8).padStart(3, '0')}`;

const signals: readonly string[] = (
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU ' +
  'XFSZ VTALRM PROF WINCH IO PWR SYS'
).split(' ');
const aliases: { readonly [name: string]: string } = { IOT: 'ABRT', CLD: 'CHLD', POLL: 'IO', UNUSED: 'SYS' };

/** The canonical name of a signal given by name, with or without `SIG`, or by number: signal(7). */
export function parseSignal(value: string): SignalName | undefined {
  const text = value.trim().toUpperCase();
  if (/^\d+$/.test(text)) return signalOfNumber(Number(text));
  const name = text.replace(/^SIG/, '');
  const known = aliases[name] ?? name;
  if (signals.includes(known)) return `SIG${known}` as SignalName;
  const realTime = /^RTM(IN|AX)(?:([-+])(\d{1,2}))?$/.exec(name);
  if (realTime === null) return undefined;
  const offset = Number(`${realTime[2] ?? '+'}${realTime[3] ?? 0}`);
  return signalOfNumber((realTime[1] === 'IN' ? 34 : 64) + offset, 34);
}

function signalOfNumber(number: number, least = 1): SignalName | undefined {
  if (number < least || number > 64) return undefined;
  if (number >= 1 && number <= 31) return `SIG${signals[number - 1]}` as SignalName;
  if (number < 34) return undefined;
  return (number === 34 ? 'SIGRTMIN' : `SIGRTMIN+${number - 34}`) as SignalName;
}

/** true for `uid`, `uid:gid`, `name`, `name:group`; numbers must fit a uid_t below the invalid id. */
export function isUser(value: string): boolean {
  const parts = value.split(':');
  if (parts.length > 2) return false;
  return parts.every((part) => {
    if (/^\d+$/.test(part)) return Number(part) < 0xffff_ffff;
    return /^[^\s:/][^\s:/]*$/.test(part) && !part.startsWith('-');
  });
}

const cpuList = /^\d{1,5}(?:-\d{1,5})?(?:,\d{1,5}(?:-\d{1,5})?)*$/;

/** The list format of cpuset(7). */
export function isCpuList(value: string): boolean {
  const text = value.replaceAll(' ', '');
  if (!cpuList.test(text)) return false;
  return text.split(',').every((range) => {
    const [first, last = first] = range.split('-');
    return Number(first) <= Number(last);
  });
}
