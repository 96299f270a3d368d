import { constants } from 'node:os';

/** glibc keeps two real-time signals for itself, so that its SIGRTMIN is 34; that is what `SIGRTMIN+3` means to people. */
const rtMin = 34;
const rtMax = 64;

/** The number of a canonical signal name; undefined when this kernel has none of that name. */
export function signalNumber(name: string): number | undefined {
  const known = (constants.signals as { readonly [name: string]: number | undefined })[name];
  if (known !== undefined) return known;
  const match = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (match === null) return undefined;
  const offset = match[3] === undefined ? 0 : Number(match[3]) * (match[2] === '-' ? -1 : 1);
  const number = (match[1] === 'MIN' ? rtMin : rtMax) + offset;
  return number >= rtMin && number <= rtMax ? number : undefined;
}

/** The name of a signal; `SIG42`-like for one that has none. */
export function signalName(number: number): string {
  const known = preferred.find((name) => constants.signals[name] === number);
  if (known !== undefined) return known;
  for (const [name, value] of Object.entries(constants.signals)) if (value === number) return name;
  if (number >= rtMin && number <= rtMax) return number === rtMin ? 'SIGRTMIN' : `SIGRTMIN+${number - rtMin}`;
  return `SIG${number}`;
}

/** Of numbers with two names the one people know. */
const preferred = ['SIGABRT', 'SIGCHLD', 'SIGIO'] as const;
