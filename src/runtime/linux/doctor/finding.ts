import type { HostFacts } from '../host-facts.ts';
import type { HostEnvironment } from '../options.ts';
import type { DoctorProbes } from './probes.ts';

/** Everything the checks look at; an argument, so that they can be tried on any machine. */
export type DoctorHost = {
  readonly uid: number;
  /** Its name, or the number again when it has none. */
  readonly user: string;
  /** uname -r */
  readonly kernelRelease: string;
  readonly nodeVersion: string;
  readonly environment: HostEnvironment;
  readonly shim: string;
  readonly facts: HostFacts;
  readonly libDirectory: string;
  readonly freeBytes: number;
  readonly text: (path: string) => string | undefined;
  readonly exists: (path: string) => boolean;
  /** What only trying tells; absent where the time for it is not taken, and then nothing is said about it. */
  readonly probes?: DoctorProbes;
};

/** `missing`: something does not work at all; `limited`: it works with the effect named. */
export type FindingStatus = 'ok' | 'limited' | 'missing';

export type Finding = {
  /** Stable, for scripts: "cgroup.memory". */
  readonly id: string;
  readonly title: string;
  readonly status: FindingStatus;
  /** What was found. */
  readonly found: string;
  /** What does not work because of it. */
  readonly effect?: string;
  /** The exact line that mends it, or what to install. */
  readonly remedy?: string;
};

export type Lack = { readonly effect: string; readonly remedy: string };
export type Check = (host: DoctorHost) => readonly Finding[];

export const fine = (id: string, title: string, found: string): Finding => ({ id, title, status: 'ok', found });
export const lacks = (status: 'limited' | 'missing', finding: Omit<Finding, 'status'> & Lack): Finding => ({
  ...finding,
  status,
});

/** Whether `uname -r` is that release or a later one. */
export function isKernel({ kernelRelease }: DoctorHost, wantedMajor: number, wantedMinor: number): boolean {
  const [major = 0, minor = 0] = kernelRelease.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
