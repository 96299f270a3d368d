import { posix } from 'node:path';
import type { ProjectName } from '../model/units.ts';
import { interpolate } from '../spec/interpolate.ts';
import { Report } from '../spec/report.ts';
import { child, type Mapping, type Place } from '../spec/tree.ts';
import type { Environment } from './environment.ts';
import type { LoadRequest } from './request.ts';

/** Lower case, without characters that a name cannot have, and without `_` and `-` at the start. */
export const normalName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');

export type NameSources = {
  readonly request: LoadRequest;
  readonly environment: Environment;
  readonly directory: string;
  /** The documents of the stack files in order of merging. */
  readonly documents: readonly Mapping[];
  readonly report: Report;
};

/** `-p`, then `COMPOSE_PROJECT_NAME`, then the last `name:`, then the directory. */
export function projectName({
  request,
  environment,
  directory,
  documents,
  report,
}: NameSources): ProjectName | undefined {
  const asked = request.projectName ?? environment.value('COMPOSE_PROJECT_NAME');
  if (asked !== undefined && asked !== '') {
    if (asked === normalName(asked)) return asked as ProjectName;
    const fits = normalName(asked);
    report.error('bad-name', {
      summary: `"${asked}" cannot be the name of a project`,
      notes: [`names are made of lower case letters, digits, "_" and "-"${fits === '' ? '' : `: ${fits}`}`],
    });
    return undefined;
  }
  const written = writtenName(documents, environment);
  const name = normalName(written?.text ?? posix.basename(directory));
  if (name !== '') return name as ProjectName;
  report.error('bad-name', {
    summary: `the project needs a name: nothing of "${written?.text ?? posix.basename(directory)}" can be in one`,
    at: written?.at,
    notes: ['write "name:" in the stack file or use -p NAME: lower case letters, digits, "_" and "-"'],
  });
  return undefined;
}

function writtenName(documents: readonly Mapping[], environment: Environment): { text: string; at: Place } | undefined {
  for (const document of [...documents].reverse()) {
    const name = child(document, 'name');
    if (name?.kind !== 'scalar' || typeof name.value !== 'string' || name.tag === 'reset') continue;
    // What is wrong with the template is reported when the file is loaded.
    const filled = interpolate(name, { find: (key) => environment.find(key), warned: new Set() }, new Report());
    if (filled.value !== '') return { text: String(filled.value), at: name };
  }
  return undefined;
}
