import type { CommandSpec } from '../flag.ts';
import { filter, format, index, noLogPrefix, service, services } from './shared.ts';

/** Commands that only look at what runs. */
export const lookCommands = [
  {
    name: 'wait',
    group: 'look',
    summary: 'Wait until a container ends, print its exit code and end with it',
    arguments: [{ ...service, many: true }],
    flags: [{ name: 'down-project', kind: 'switch', help: 'then take the project down, as tscompose down does' }],
    json: 'none',
    needsFile: false,
  },
  {
    name: 'ls',
    group: 'look',
    summary: 'List the projects of this machine',
    arguments: [],
    flags: [
      { name: 'all', short: 'a', kind: 'switch', help: 'also those where nothing runs' },
      { name: 'quiet', short: 'q', kind: 'switch', help: 'only names' },
      { ...filter, help: 'only projects whose name matches: name=REGEXP' },
      { ...format, help: 'table, json (an array, as docker compose prints it), or a template such as {{.Name}}' },
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'ps',
    group: 'look',
    summary: 'List the containers of the project',
    arguments: [services],
    flags: [
      { name: 'all', short: 'a', kind: 'switch', help: 'stopped ones too' },
      { name: 'quiet', short: 'q', kind: 'switch', help: 'only names' },
      { name: 'services', kind: 'switch', help: 'only names of services' },
      { name: 'status', kind: 'list', value: 'STATE', help: 'only containers in this state: running, exited …' },
      { ...filter, help: 'only those that match: status=STATE' },
      { ...format, help: 'table, json (lines, as docker compose prints them), or a template such as {{.Name}}' },
      { name: 'no-trunc', kind: 'switch', help: 'long texts are not cut' },
      { name: 'orphans', kind: 'switch', default: true, help: '=false: not those of services that the file lacks' },
    ],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'port',
    group: 'look',
    summary: 'Print the address on this host that leads to a port of a service',
    details: ['Without a port, all that are published are printed, one a line.'],
    arguments: [service, { name: 'PORT', help: 'port in the container, as in 80 or 53/udp', optional: true }],
    flags: [
      {
        name: 'protocol',
        kind: 'choice',
        value: 'PROTOCOL',
        choices: ['tcp', 'udp'],
        help: 'tcp (the default) or udp',
      },
      index,
    ],
    examples: [['tscompose port web 80', '0.0.0.0:8080']],
    json: 'lines',
    needsFile: false,
  },
  {
    name: 'logs',
    group: 'look',
    summary: 'Print what the containers have written',
    arguments: [services],
    flags: [
      { name: 'follow', short: 'f', kind: 'switch', help: 'go on with what they write from now on' },
      index,
      {
        name: 'since',
        kind: 'text',
        value: 'TIME',
        help: 'only from then on: 10m, 2026-02-28T13:00:00Z, Unix seconds',
      },
      { name: 'until', kind: 'text', value: 'TIME', help: 'only up to then' },
      { name: 'tail', short: 'n', kind: 'tail', value: 'N', help: 'only the last N lines of each container' },
      { name: 'timestamps', short: 't', kind: 'switch', help: 'put the time before every line' },
      noLogPrefix,
    ],
    json: 'lines',
    needsFile: false,
  },
] as const satisfies readonly CommandSpec[];
