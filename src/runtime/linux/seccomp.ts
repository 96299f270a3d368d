import type { RuntimeFailure } from '../../model/event.ts';
import { invariant } from '../../util/assert.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { capabilitiesIn, capabilityMask, defaultCapabilities } from './caps.ts';
import { compileFilter } from './seccomp/compile.ts';
import { defaultRules } from './seccomp/default-profile.ts';
import { parseProfile } from './seccomp/profile.ts';

type Surroundings = { readonly caps: bigint; readonly arch: 'x64' | 'arm64' };
type Compiled = Result<Buffer | undefined, RuntimeFailure>;

const EPERM = 1;

/** Containers that differ in neither profile nor capabilities share one filter, which takes a millisecond to make. */
const compiled = new Map<string, Compiled>();

/** The filter for `default`, for the text of a profile, or none for `unconfined`. */
export function seccompFilter(profile: string, { caps, arch }: Surroundings): Compiled {
  if (profile === 'unconfined') return ok(undefined);
  const key = `${arch} ${caps} ${profile}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const made = compile(profile, { caps, arch });
  compiled.set(key, made);
  return made;
}

/** Replaced by the build: the filters that nearly all containers have, in base64. */
declare const TSCOMPOSE_FILTER_X64: string | undefined;
declare const TSCOMPOSE_FILTER_ARM64: string | undefined;
const built = {
  x64: typeof TSCOMPOSE_FILTER_X64 === 'string' ? TSCOMPOSE_FILTER_X64 : undefined,
  arm64: typeof TSCOMPOSE_FILTER_ARM64 === 'string' ? TSCOMPOSE_FILTER_ARM64 : undefined,
};

/** What the build puts in: the default profile for the default capabilities. */
export const usualFilter = (arch: 'x64' | 'arm64'): Buffer =>
  compileDefault({ caps: capabilityMask(defaultCapabilities), arch });

function compileDefault({ caps, arch }: Surroundings): Buffer {
  const otherwise = { kind: 'errno', errno: EPERM } as const;
  const filter = compileFilter({ arch, rules: defaultRules(capabilitiesIn(caps), arch), otherwise });
  invariant(filter !== undefined, 'the default profile fits');
  return filter;
}

function compile(profile: string, { caps, arch }: Surroundings): Compiled {
  if (profile === 'default') {
    const ready = caps === capabilityMask(defaultCapabilities) ? built[arch] : undefined;
    return ok(ready === undefined ? compileDefault({ caps, arch }) : Buffer.from(ready, 'base64'));
  }
  const capabilities = capabilitiesIn(caps);
  const parsed = parseProfile(profile, { capabilities, arch });
  if (!parsed.ok) return err(refused(parsed.error));
  const filter = compileFilter({ arch, ...parsed.value });
  return filter === undefined ? err(refused('it needs more than the 4096 instructions of a filter')) : ok(filter);
}

const refused = (why: string): RuntimeFailure => ({
  code: 'setup-failed',
  message: `cannot use the seccomp profile: ${why}`,
  configPath: 'seccomp',
  notes: ['write "seccomp=unconfined" to do without'],
});
