import { stringify } from 'yaml';

/** YAML that reads back as the same data, whichever parser reads it. */
export const printYaml = (value: unknown): string =>
  stringify(value, {
    version: '1.2',
    // Parsers of YAML 1.1 take `yes`, `0444` and `1:30` for something else; quotes keep them text.
    compat: 'yaml-1.1',
    aliasDuplicateObjects: false,
    lineWidth: 0,
    nullStr: 'null',
  });
