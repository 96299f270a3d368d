import type { RuntimeFailure } from '../../model/event.ts';
import { err, ok, type Result } from '../../util/result.ts';
import { capabilitiesIn } from './caps.ts';
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

function compile(profile: string, { caps, arch }: Surroundings): Compiled {
  const capabilities = capabilitiesIn(caps);
  if (profile === 'default') {
    const otherwise = { kind: 'errno', errno: EPERM } as const;
    return ok(compileFilter({ arch, rules: defaultRules(capabilities, arch), otherwise }));
  }
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
