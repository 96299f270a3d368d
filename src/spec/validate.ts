import type * as z from 'zod';
import type { Report } from './report.ts';
import type { CheckParams, Doc } from './schema-leaf.ts';
import { service, serviceKeys } from './schema-service.ts';
import { stackFile } from './schema-top.ts';
import { docOf, type Example, exampleOf, keysAt, schemasAt } from './schema-walk.ts';
import { suggest } from './suggest.ts';
import { type Mapping, nearest, type Path, type Place, type Tree, toValue, type VariableUse } from './tree.ts';
import { dotted, flow, listed, shown } from './wording.ts';

type Issue = z.core.$ZodIssue;

/** The paths of values that are wrong; what is left of the file can still be checked for other mistakes. */
export type Faults = readonly Path[];

export type ValidateOptions = {
  /** Variables are still in the text (`--no-interpolate`): a value with a `$` may become anything. */
  readonly interpolated: boolean;
};

/** Checks one document against the schema, every mistake at its place. */
export function validateStack(tree: Mapping, options: ValidateOptions, report: Report): Faults {
  return validate(stackFile, tree, options, report);
}

/** Checks one service by itself, as `extends` takes it out of another file. */
export function validateService(name: string, tree: Tree, options: ValidateOptions, report: Report): Faults {
  return validate(service, tree, options, report, ['services', name]);
}

function validate(schema: z.ZodType, tree: Tree, options: ValidateOptions, report: Report, prefix: Path = []): Faults {
  const result = schema.safeParse(toValue(tree));
  if (result.success) return [];
  const faults: Path[] = [];
  for (const issue of result.error.issues.flatMap((found) => flatten(found, tree, []))) {
    const context = { schema, tree, prefix, report, options };
    faults.push(
      ...explain(issue, context).map((path) => (issue.code === 'unrecognized_keys' ? path : wholeItem(path))),
    );
  }
  return faults;
}

/** An item of a list with a mistake in it is of no use: without it, nothing is missed that was only wrong. */
function wholeItem(path: Path): Path {
  for (let i = path.length - 1; i >= 0; i -= 1) if (typeof path[i] === 'number') return path.slice(0, i + 1);
  return path;
}

/**
 * A union that no branch accepts gives the mistakes of the branch that the value was probably meant for: the only one
 * of the right type, or the one that knows most of its keys and finds the fewest mistakes.
 */
function flatten(issue: Issue, tree: Tree, base: Path): Issue[] {
  const path = [...base, ...(issue.path as Path)];
  const here = { ...issue, path: [...path] } as Issue;
  if (issue.code !== 'invalid_union') return [here];
  const branches = issue.errors.map((errors) => errors.filter((error) => !onlyExtensions(error)));
  if (branches.some((branch) => branch.length === 0)) return [];
  const fitting = branches.filter(
    (branch) => !branch.some((error) => error.path.length === 0 && isMismatch(error, tree, path)),
  );
  if (fitting.length === 0) return [here];
  const best = fitting.reduce((a, b) => (strangeness(b) < strangeness(a) ? b : a));
  return best.flatMap((error) => flatten(error, tree, path));
}

/** One that does not know a key is farther from what was meant than one in which a hundred values are wrong. */
const strangeness = (branch: readonly Issue[]): number =>
  branch.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? 100 * issue.keys.length : 1), 0);

const onlyExtensions = (issue: Issue): boolean =>
  issue.code === 'unrecognized_keys' && issue.keys.every((name) => name.startsWith('x-'));

function isMismatch(issue: Issue, tree: Tree, path: Path): boolean {
  if (issue.code === 'invalid_type') return true;
  if (issue.code === 'invalid_union')
    return issue.errors.every((errors) =>
      errors.some((error) => error.path.length === 0 && isMismatch(error, tree, path)),
    );
  if (issue.code !== 'invalid_value') return false;
  const { tree: at } = nearest(tree, path);
  return at.kind !== 'scalar' || typeof at.value !== 'string';
}

type Context = {
  readonly schema: z.ZodType;
  readonly tree: Tree;
  readonly prefix: Path;
  readonly report: Report;
  readonly options: ValidateOptions;
};

/** Reports one issue; gives the paths that are unusable because of it. */
function explain(issue: Issue, context: Context): readonly Path[] {
  const path = issue.path as Path;
  const found = nearest(context.tree, path);
  const { report } = context;
  if (!context.options.interpolated && found.tree.kind === 'scalar' && String(found.tree.value).includes('$'))
    return [];
  const empty = found.exact ? emptyVariable(found.tree) : undefined;
  if (empty !== undefined) {
    noteEmpty(
      found.tree,
      { variable: empty, name: subject(context, path), example: exampleOf(context.schema, path) },
      report,
    );
    return [path];
  }
  switch (issue.code) {
    case 'unrecognized_keys':
      return unknownKeys(issue.keys, context, path);
    case 'custom': {
      const params = issue.params as CheckParams;
      report.error(params.code, {
        summary: `${subject(context, path)}: ${issue.message}`,
        at: found.tree,
        notes: [params.note],
      });
      return [path];
    }
    case 'invalid_key':
      report.error('bad-name', {
        summary: `"${String(path.at(-1))}" cannot be a name here`,
        at: found.key ?? found.tree,
        notes: ['names are made of letters, digits, "_", "." and "-"'],
      });
      return [path];
    case 'invalid_value':
      if (!found.exact) return [wrongType(issue, context, path)];
      report.error('bad-value', {
        summary: `${subject(context, path)}: ${shown(found.tree)} is not one of its values`,
        at: found.tree,
        notes: [
          ...meant(found.tree, issue.values, docOf(context.schema, path)),
          `write ${listed(issue.values.map(String), 'or')}`,
        ],
      });
      return [path];
    case 'invalid_format':
      report.error('bad-value', {
        summary: `${subject(context, path)}: ${shown(found.tree)} is not one of its values`,
        at: found.tree,
        notes:
          path.at(-1) === 'pull_policy' ? ['write always, never, missing, build, daily, weekly or every_DURATION'] : [],
      });
      return [path];
    default:
      return [wrongType(issue, context, path)];
  }
}

/** The variable because of which there is nothing where something has to be. */
function emptyVariable(tree: Tree): VariableUse | undefined {
  if (tree.kind !== 'scalar' || tree.value !== '') return undefined;
  return tree.uses?.at(-1);
}

type EmptyValue = { readonly variable: VariableUse; readonly name: string; readonly example: Example | undefined };

function noteEmpty(tree: Tree, { variable, name, example }: EmptyValue, report: Report): void {
  const unset = variable.source.kind === 'unset';
  // That it becomes empty text is what is wrong: it need not be said twice.
  report.withdraw('variable-unset', variable.name);
  const value = typeof example?.value === 'object' || example === undefined ? 'default' : String(example.value);
  report.error('required-variable', {
    summary: `${name} needs a value, but variable ${variable.name} is ${unset ? 'not set' : 'empty'}`,
    at: tree,
    notes: [`set it in the environment or in the .env file, or write \${${variable.name}:-${value}}`],
  });
}

function wrongType(issue: Issue, context: Context, path: Path): Path {
  const found = nearest(context.tree, path);
  if (!found.exact) {
    const at: Place = found.key ?? found.tree;
    context.report.error('missing-key', {
      summary: `${subject(context, path.slice(0, -1))} needs "${String(path.at(-1))}"`,
      at,
      notes: noteOf(context, path),
    });
    return path.slice(0, -1);
  }
  const expected = [...new Set(kinds(issue))].sort((a, b) => Number(a === 'nothing') - Number(b === 'nothing'));
  const value = found.tree;
  const is = value.kind === 'scalar' && value.value === null ? 'it is empty' : `it is ${shown(value)}`;
  const notes: string[] = [];
  if (expected.includes('text') && value.kind === 'scalar' && value.value !== null) {
    notes.push(quoted(value.file.text.slice(value.start, value.end), context, path));
  } else if (value.kind === 'scalar' && value.value === null) {
    notes.push('give it a value, or leave the key out');
  }
  const example = notes.length > 0 && notes[0]?.startsWith('put it') ? undefined : exampleOf(context.schema, path);
  if (example !== undefined) notes.push(`for example ${example.key}: ${flow(example.value)}`);
  context.report.error('wrong-type', {
    summary: `${subject(context, path)} must be ${listed(expected, 'or')}, but ${is}`,
    at: value,
    notes,
  });
  return path;
}

/** Quotes make text of a number; when that text would not do either, what would. */
function quoted(written: string, context: Context, path: Path): string {
  const results = schemasAt(context.schema, path).map((schema) => schema.safeParse(written));
  const issues = results.some(({ success }) => success) ? [] : results.flatMap(({ error }) => error?.issues ?? []);
  const custom = issues.find((each) => each.code === 'custom');
  return custom === undefined ? `put it in quotes: "${written}"` : (custom.params as CheckParams).note;
}

function kinds(issue: Issue): string[] {
  if (issue.code === 'invalid_union')
    return issue.errors.flatMap((errors) => errors.filter((e) => e.path.length === 0).flatMap(kinds));
  if (issue.code === 'invalid_value') return issue.values.map((value) => `"${String(value)}"`);
  if (issue.code !== 'invalid_type') return [];
  return [kindNames[issue.expected] ?? issue.expected];
}

const kindNames: { readonly [expected: string]: string } = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
  null: 'nothing',
};

function unknownKeys(names: readonly string[], context: Context, path: Path): readonly Path[] {
  const known = keysAt(context.schema, path);
  const unknown = names.filter((name) => !name.startsWith('x-'));
  for (const name of unknown) {
    const { key } = nearest(context.tree, [...path, name]);
    const near = suggest(name, known);
    const notes = near === undefined ? [`keys of your own start with "x-"`] : [`did you mean "${near}"?`];
    const moved =
      path.length === 0 && name in serviceKeys ? [`"${name}" belongs to a service, below "services:"`] : notes;
    context.report.error('unknown-key', {
      summary: `${subject(context, path)} has no setting "${name}"`,
      at: key,
      notes: moved,
    });
  }
  return unknown.map((name) => [...path, name]);
}

function noteOf({ schema }: Context, path: Path): string[] {
  const description = docOf(schema, path)?.description;
  return description === undefined ? [] : [`${String(path.at(-1))}: ${description.replace(/\.$/, '')}`];
}

const sections: { readonly [section: string]: string } = {
  services: 'service',
  jobs: 'job',
  networks: 'network',
  volumes: 'volume',
  configs: 'config',
  secrets: 'secret',
  models: 'model',
};

/** `service "web"`, `service "web": ports[1].target`, `the stack file`. */
function subject(context: Context, path: Path): string {
  const [section, name, ...rest] = [...context.prefix, ...path];
  if (section === undefined) return 'the stack file';
  const kind = sections[String(section)];
  if (kind === undefined || name === undefined) return dotted([...context.prefix, ...path]);
  const element = `${kind} "${name}"`;
  return rest.length === 0 ? element : `${element}: ${dotted(rest)}`;
}

function meant(tree: Tree, values: readonly unknown[], doc: Doc | undefined): string[] {
  if (tree.kind !== 'scalar') return [];
  const word = String(tree.value);
  const elsewhere = doc?.elsewhere?.get(word);
  if (elsewhere !== undefined) return [elsewhere];
  const near = suggest(word, values.map(String));
  return near === undefined ? [] : [`did you mean "${near}"?`];
}
