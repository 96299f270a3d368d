import { posix } from 'node:path';
import { type EnvEntries, parseEnv } from '../spec/dotenv.ts';
import type { Variable, Variables } from '../spec/interpolate.ts';
import type { Report } from '../spec/report.ts';
import { maxEnvBytes } from '../spec/text.ts';
import type { Place } from '../spec/tree.ts';
import type { LoadRequest } from './request.ts';
import type { Sources } from './sources.ts';

/** The variables of a project: the shell first, then env files, an earlier directory before a later one. */
export class Environment implements Variables {
  readonly warned: Set<string>;
  readonly #sources: Sources;
  readonly #files: Map<string, Variable>;
  readonly #parent: Environment | undefined;
  #projectName: string | undefined;

  constructor(sources: Sources, parent?: Environment) {
    this.#sources = sources;
    this.#parent = parent;
    this.#files = new Map();
    this.warned = parent?.warned ?? new Set();
  }

  find(name: string): Variable | undefined {
    const own = this.#parent === undefined ? this.#sources.variable(name) : undefined;
    if (own !== undefined) return { value: own, source: { kind: 'environment' } };
    const known = this.#parent?.find(name) ?? this.#files.get(name);
    if (known !== undefined || name !== 'COMPOSE_PROJECT_NAME' || this.#projectName === undefined) return known;
    return { value: this.#projectName, source: { kind: 'built-in' } };
  }

  value(name: string): string | undefined {
    return this.find(name)?.value;
  }

  /** `$COMPOSE_PROJECT_NAME` is always there once the name is known. */
  set projectName(name: string) {
    this.#projectName = name;
  }

  /** Adds what an env file says and nothing before has said. */
  add(entries: EnvEntries): void {
    for (const [name, { value, origin }] of entries) {
      if (!this.#files.has(name)) this.#files.set(name, { value, source: { kind: 'env-file', origin } });
    }
  }

  /** All variables that env files have given, by name. */
  fromFiles(): ReadonlyMap<string, Variable> {
    return this.#files;
  }
}

export type EnvFileOptions = { readonly sources: Sources; readonly report: Report; readonly at?: Place | undefined };

/** Reads env files for interpolation; in a list, a later file wins over an earlier one. */
export function addEnvFiles(environment: Environment, paths: readonly string[], options: EnvFileOptions): void {
  const together = new Map<string, EnvEntries extends ReadonlyMap<string, infer V> ? V : never>();
  for (const path of paths) {
    const file = options.sources.text(path, {
      limit: maxEnvBytes,
      what: 'env file',
      at: options.at,
      missing: 'env-file',
    });
    if (file === undefined) continue;
    const lookup = (name: string): string | undefined => environment.value(name);
    const entries = parseEnv(file, { lookup, earlier: (name) => together.get(name)?.value }, options.report);
    for (const [name, entry] of entries) together.set(name, entry);
  }
  environment.add(together);
}

/** Env files that the request or `COMPOSE_ENV_FILES` names, in place of `.env`. */
export function namedEnvFiles(request: LoadRequest, sources: Sources): readonly string[] | undefined {
  const named = request.envFiles ?? split(sources.variable('COMPOSE_ENV_FILES'), ',');
  if (named === undefined || named.length === 0) return undefined;
  return named.map((path) => posix.resolve(request.cwd, path));
}

export function split(text: string | undefined, separator: string): string[] | undefined {
  const parts = text
    ?.split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== '');
  return parts === undefined || parts.length === 0 ? undefined : parts;
}

/** The `.env` file of a directory, when it is there and not turned off. */
export function addDefaultEnvFile(environment: Environment, directory: string, options: EnvFileOptions): void {
  const off = environment.value('COMPOSE_DISABLE_ENV_FILE')?.toLowerCase();
  if (off !== undefined && ['1', 'true', 't', 'yes', 'on'].includes(off)) return;
  const path = posix.join(directory, '.env');
  if (options.sources.kind(path) === 'file') addEnvFiles(environment, [path], options);
}
