import { configData, configJson, configYaml } from '../../project/config-out.ts';
import type { Stack } from '../../project/stack.ts';
import { supportOf } from '../../project/support.ts';
import { spotOf } from '../render/frame.ts';
import { renderTable } from '../render/table.ts';
import { explained } from './explained.ts';
import { document, type PrintOptions } from './options.ts';

/** What `config` prints of a stack; nothing when `--explain` names a value that is not there. */
export function printed(stack: Stack, options: PrintOptions): string | undefined {
  const { flags, services, json } = options;
  if (flags.explain !== undefined) return explained(stack, flags.explain, options);
  if (flags.support) return supportText(stack, options);
  if (flags.variables) return variablesText(stack, options);
  if (flags.environment) return environmentText(stack, json);
  const names = namesOf(stack, options);
  if (names !== undefined) return json ? document(names) : names.map((name) => `${name}\n`).join('');
  return json ? configJson(stack, services) : configYaml(stack, services);
}

/** Sorted, each once; nothing when no list of names is asked for. */
function namesOf(stack: Stack, { flags, services }: PrintOptions): readonly string[] | undefined {
  if (flags.profiles) return stack.profiles;
  const data = configData(stack, { format: 'yaml', services });
  const keys = (section: string): readonly string[] => Object.keys(data[section] ?? {});
  if (flags.services) return keys('services');
  if (flags.volumes) return keys('volumes');
  if (flags.networks) return keys('networks');
  if (!flags.images) return undefined;
  const all = Object.values((data['services'] ?? {}) as { [name: string]: { image?: string } });
  return [...new Set(all.flatMap(({ image }) => image ?? []))].sort();
}

function supportText({ tree }: Stack, { json, paint, width }: PrintOptions): string {
  const keys = supportOf(tree).map(({ path, verdict, reason, origin }) => ({
    path,
    verdict,
    reason,
    at: spotOf(origin),
  }));
  if (json) {
    return document(
      keys.map(({ path, verdict, reason, at: { file, line, column } }) => ({
        path,
        verdict,
        reason,
        file,
        line,
        column,
      })),
    );
  }
  const rows = keys.map(({ path, verdict, reason, at }) => [
    path,
    verdict,
    `${at.file}:${at.line}:${at.column}`,
    reason ?? '',
  ]);
  return renderTable(['KEY', 'VERDICT', 'WHERE', 'REASON'], rows, { paint, width });
}

function variablesText({ variables }: Stack, { json, paint, width }: PrintOptions): string {
  if (json) return document(variables);
  const rows = variables.map((each) => [each.name, String(each.required), each.default ?? '', each.alternate ?? '']);
  return renderTable(['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'], rows, { paint, width });
}

const environmentText = ({ environment }: Stack, json: boolean): string =>
  json
    ? document(Object.fromEntries(environment.map(({ name, value }) => [name, value])))
    : environment.map(({ name, value }) => `${name}=${value}\n`).join('');
