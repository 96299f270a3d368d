import { err, ok, type Result } from '../util/result.ts';

/** What the short form `[SOURCE:]TARGET[:OPTIONS]` says. */
export type VolumeSpec = {
  readonly type: 'bind' | 'volume';
  readonly source?: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation?: string;
  readonly selinux?: string;
  /** Options that mean nothing, here or in compose. */
  readonly unknown: readonly string[];
};

export const propagations = ['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'] as const;
const ignored = ['rw', 'cached', 'delegated', 'consistent', 'z', 'Z'];

/** A source that starts like a path is a bind mount, any other names a volume. */
export function parseVolume(text: string): Result<VolumeSpec, string> {
  if (text === '') return err('it is empty');
  const parts = splitColons(text);
  if (parts.some((part) => part === '')) return err('there is nothing between two colons');
  if (parts.length > 3) return err('there are too many colons');
  const [source, target, options = ''] = parts.length === 1 ? [undefined, parts[0]] : parts;
  const words = options === '' ? [] : options.split(',');
  const propagation = last(words, propagations);
  const selinux = last(words, ['z', 'Z']);
  return ok({
    type: source !== undefined && isPath(source) ? 'bind' : 'volume',
    ...(source === undefined ? {} : { source }),
    target: target as string,
    readOnly: last(words, ['ro', 'rw']) === 'ro',
    noCopy: words.includes('nocopy'),
    ...(propagation === undefined ? {} : { propagation }),
    ...(selinux === undefined ? {} : { selinux }),
    unknown: words.filter(
      (word) => !['ro', 'nocopy', ...ignored].includes(word) && !propagations.some((known) => known === word),
    ),
  });
}

/** The last of `words` that is one of `known`: a later option wins. */
const last = (words: readonly string[], known: readonly string[]): string | undefined =>
  words.filter((word) => known.includes(word)).at(-1);

export const isPath = (source: string): boolean => /^[./~]/.test(source);

/** Colons inside `${…}` belong to a variable that has not been replaced. */
function splitColons(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let part = '';
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i] as string;
    if (c === '$' && text[i + 1] === '{') depth += 1;
    else if (c === '}' && depth > 0) depth -= 1;
    if (c === ':' && depth === 0) {
      parts.push(part);
      part = '';
    } else {
      part += c;
    }
  }
  parts.push(part);
  return parts;
}
