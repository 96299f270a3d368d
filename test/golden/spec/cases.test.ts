import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { painter } from '../../../src/cli/render/color.ts';
import { renderDiagnostics } from '../../../src/cli/render/diagnostic.ts';
import { configData } from '../../../src/project/config-out.ts';
import type { LoadOutcome, LoadRequest } from '../../../src/project/request.ts';
import { printYaml } from '../../../src/spec/print.ts';
import { loadText } from '../../support/load.ts';

/*
 * Each `*.golden` file is a table of cases:
 *
 *     === title
 *     $ NAME=value            a variable of the shell
 *     % show services.web     which part of the normal form is compared; without it, only diagnostics
 *     % resolved web.probes   which part of a service's container configuration is compared, as JSON
 *     % files a.yml b.yml     -f, in order
 *     % profiles debug        --profile
 *     % project               resolve to a project as `up` does (notices included)
 *     % runnable              as for `up`: what lacks a root file system or a command is a mistake
 *     @ other.yml             the lines below are another file
 *     …the stack file…
 *     >>>
 *     …what comes out: diagnostics as they are shown, then the part of the normal form…
 *
 * GOLDEN_UPDATE=1 writes what comes out into the file; the difference is then for the eyes of a reviewer.
 */
const folder = dirname(fileURLToPath(import.meta.url));
const update = process.env['GOLDEN_UPDATE'] === '1';

type Case = { readonly title: string; readonly head: string; readonly expected: string };

for (const name of readdirSync(folder).filter((file) => file.endsWith('.golden'))) {
  const path = join(folder, name);
  const cases = parse(readFileSync(path, 'utf8'));
  if (update) writeFileSync(path, cases.map((each) => `${each.head}>>>\n${outcome(each)}`).join('\n'));
  describe(name.replace('.golden', ''), () => {
    test('has cases, each with a title of its own', () => {
      expect(cases.length).toBeGreaterThan(5);
      expect(new Set(cases.map(({ title }) => title)).size).toBe(cases.length);
    });
    for (const each of cases) {
      test(each.title, () => {
        expect(outcome(each)).toBe(update ? outcome(each) : each.expected);
      });
    }
  });
}

function parse(text: string): Case[] {
  return text.split(/^(?==== )/m).map((block) => {
    const [head = '', expected = ''] = block.split(/^>>>\n/m);
    return { title: head.slice(4, head.indexOf('\n')), head, expected: `${expected.trimEnd()}\n` };
  });
}

function outcome({ head }: Case): string {
  const files: { [path: string]: string } = {};
  const environment: { [name: string]: string } = {};
  const request: { -readonly [K in keyof LoadRequest]?: LoadRequest[K] } = { runnable: false };
  const parts: { show?: string; resolved?: string } = {};
  let file = 'stack.yml';
  for (const line of head.split('\n').slice(1, -1)) {
    const [mark, rest] = [line.slice(0, 2), line.slice(2)];
    if (mark === '@ ') file = rest;
    else if (mark === '$ ') environment[rest.split('=')[0]!] = rest.slice(rest.indexOf('=') + 1);
    else if (mark === '% ') option(rest.split(' '), request, parts);
    else files[file] = `${files[file] ?? ''}${line.replaceAll('→', '\t').replaceAll('␍', '\r')}\n`;
  }
  const { 'stack.yml': main = '', ...more } = files;
  const loaded = loadText(main, { ...request, environment, more });
  const { show, resolved } = parts;
  const texts = [
    diagnosticsOf(loaded),
    show === undefined ? '' : shown(loaded, show),
    resolved === undefined ? '' : configured(loaded, resolved),
  ];
  return texts.join('').trimEnd().concat('\n');
}

function option(
  [name, ...values]: string[],
  request: { -readonly [K in keyof LoadRequest]?: LoadRequest[K] },
  parts: { show?: string; resolved?: string },
): void {
  if (name === 'show') parts.show = values[0]!;
  if (name === 'resolved') {
    parts.resolved = values[0]!;
    request.runnable = true;
  }
  if (name === 'project') request.runnable = true;
  if (name === 'files') request.files = values;
  if (name === 'profiles') request.profiles = values;
  if (name === 'services') request.services = values;
  if (name === 'name') request.projectName = values[0]!;
  if (name === 'runnable') request.runnable = true;
  if (name === 'raw') request.interpolate = false;
}

function diagnosticsOf({ diagnostics }: LoadOutcome): string {
  const visible = diagnostics.filter(({ severity }) => severity !== 'notice');
  return visible.length === 0 ? '' : `${renderDiagnostics(visible, { paint: painter(false), width: 120 })}\n`;
}

function shown({ stack }: LoadOutcome, path: string): string {
  if (stack === undefined) return 'nothing was loaded';
  let data: unknown = configData(stack, { format: 'yaml' });
  for (const step of path.split('/').flatMap((part, i) => (i === 0 ? part.split('.') : [part]))) {
    data = (data as { [key: string]: unknown } | undefined)?.[step];
  }
  return data === undefined ? 'absent' : printYaml(data);
}

function configured({ project }: LoadOutcome, path: string): string {
  const [service = '', ...steps] = path.split('.');
  let data: unknown = project?.services.find(({ name }) => name === service)?.config;
  for (const step of steps) data = (data as { [key: string]: unknown } | undefined)?.[step];
  return data === undefined ? 'absent' : JSON.stringify(data, null, 2);
}
