import { child, type Entry, type Mapping, mappingAt, type Tree } from '../spec/tree.ts';
import { mapValues, replaceChild } from './key-only.ts';

/**
 * The model with what the image map says of each service's image put below what the service says itself, as an engine
 * does it with an image: `config` does not show it, but it is what runs, and `config --explain` finds it.
 */
export function withImages(model: Mapping): Mapping {
  const images = child(child(model, 'x-tscompose'), 'images');
  if (images?.kind !== 'mapping') return model;
  const patterns = [...images.entries.keys()];
  return replaceChild(model, 'services', (services) =>
    services.kind !== 'mapping'
      ? services
      : mapValues(services, (service) => {
          const name = child(service, 'image');
          if (service.kind !== 'mapping' || name?.kind !== 'scalar' || typeof name.value !== 'string') return service;
          const pattern = imagePattern(name.value, patterns);
          const image = pattern === undefined ? undefined : child(images, pattern);
          return image?.kind === 'mapping' && says(image) ? withImage(service, image) : service;
        }),
  );
}

/** Whether there is more to it than its files. */
const says = ({ entries }: Mapping): boolean => entries.size > (entries.has('rootfs') ? 1 : 0);

/** Keys that a service has instead of its image. */
const instead = ['user', 'working_dir', 'stop_signal'];
/** Keys whose parts a service has instead of those of its image. */
const besides = ['environment', 'healthcheck'];

function withImage(service: Mapping, image: Mapping): Mapping {
  const entries = new Map(service.entries);
  const take = (key: string): void => {
    const given = image.entries.get(key);
    if (given !== undefined) entries.set(key, given);
  };
  for (const key of instead) if (isUnsaid(child(service, key))) take(key);
  for (const key of besides) {
    const own = service.entries.get(key);
    const given = image.entries.get(key);
    if (own === undefined) take(key);
    else if (given !== undefined) entries.set(key, { key: own.key, value: below(own.value, given.value) });
  }
  // Whoever brings an entrypoint of their own cannot use the arguments that were meant for that of the image.
  const ownEntrypoint = !isNothing(child(service, 'entrypoint'));
  if (!ownEntrypoint) take('entrypoint');
  if (!ownEntrypoint && isNothing(child(service, 'command'))) take('command');
  return mappingAt(service, entries);
}

const isNothing = (tree: Tree | undefined): boolean =>
  tree === undefined || (tree.kind === 'scalar' && tree.value === null);

const isUnsaid = (tree: Tree | undefined): boolean => isNothing(tree) || (tree?.kind === 'scalar' && tree.value === '');

/** `own` with the parts of `given` that it does not have. */
function below(own: Tree, given: Tree): Tree {
  if (own.kind !== 'mapping' || given.kind !== 'mapping') return isNothing(own) ? given : own;
  return mappingAt(own, new Map<string, Entry>([...given.entries, ...own.entries]));
}

/**
 * Which line of the image map an image reference means: the reference itself, then the longest pattern that matches. The
 * registry and library prefixes that Docker leaves out do not count, nor does the tag "latest".
 */
export function imagePattern(image: string, patterns: readonly string[]): string | undefined {
  const names = namesOf(image);
  const exact = patterns.find(
    (pattern) => names.includes(pattern) || namesOf(pattern).some((each) => names.includes(each)),
  );
  if (exact !== undefined) return exact;
  return patterns
    .filter((pattern) => /[*?]/.test(pattern) && names.some((name) => glob(pattern).test(name)))
    .sort((a, b) => b.length - a.length)[0];
}

function namesOf(image: string): readonly string[] {
  const short = image.replace(/^docker\.io\//, '').replace(/^library\//, '');
  const tagged = /[:@][^/]*$/.test(short);
  if (!tagged) return [short, `${short}:latest`];
  return short.endsWith(':latest') ? [short, short.slice(0, -':latest'.length)] : [short];
}

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replace(/\*/g, '.*')
      .replace(/\?/g, '.')}$`,
  );
