import { expect, test } from 'vitest';
import { type Model, packModel, unpackModel } from '../../../../src/cli/cache/model.ts';
import type { Diagnostic } from '../../../../src/model/diagnostic.ts';
import type { Network, Project, Service, Volume } from '../../../../src/model/project.ts';
import type { Origin, SourceFile } from '../../../../src/model/source.ts';

const stack: SourceFile = { path: 'stack.yml', text: 'services:\n  web: {}\n' };
const env: SourceFile = { path: 'web.env', text: 'PORT=80\n' };
const at = (file: SourceFile, start: number, end: number): Origin => ({ file, range: { start, end } });

const service = {
  name: 'web',
  replicas: 2,
  dependsOn: [],
  profiles: [],
  attach: true,
  config: { argv: ['serve'], environment: { PORT: '80' } },
  origins: { '': at(stack, 12, 15), 'environment.PORT': at(env, 5, 7) },
} as unknown as Service;
const project = {
  name: 'shop',
  directory: '/srv/shop',
  files: ['/srv/shop/stack.yml'],
  services: [service],
  disabledServices: ['debug'],
  volumes: [
    { key: 'data', name: 'shop_data', origin: at(stack, 0, 8) },
    { key: 'implied', name: 'shop_implied' },
  ] as unknown as Volume[],
  networks: [{ key: 'default', name: 'shop_default' }] as unknown as Network[],
} as unknown as Project;
const diagnostics: Diagnostic[] = [
  {
    code: 'not-honoured',
    severity: 'notice',
    summary: '"build" is not honoured',
    subject: at(stack, 12, 15),
    notes: [{ text: 'first here', origin: at(env, 0, 4) }, { text: 'leave it out' }],
  },
  { code: 'obsolete', severity: 'warning', summary: 'no place', notes: [] },
];
const model: Model = { project, diagnostics };

test('a model that went through the cache is the model, origins and all', () => {
  expect(unpackModel(JSON.parse(JSON.stringify(packModel(model))))).toEqual(model);
});

test('each text is kept once, and the origins in it share it again', () => {
  const packed = packModel(model);
  expect(packed.files).toEqual([stack, env]);
  const back = unpackModel(packed);
  expect(back.project.services[0]?.origins['']?.file).toBe(back.diagnostics[0]?.subject?.file);
});
