import { listProjectVolumes } from '../../runtime/linux/list-volumes.ts';
import { chosenContainers } from '../chosen.ts';
import { exitCode } from '../exit-code.ts';
import { printTable, printTemplate, readFormat } from '../rows.ts';
import type { Runner } from './runner.ts';

const fields = ['Driver', 'Labels', 'Links', 'Mountpoint', 'Name', 'Volume'];

export const volumes: Runner<'volumes'> = async ({ flags, args, globals }, context) => {
  const format = readFormat(context, flags.format, fields);
  if (!format.ok) return format.error;
  const chosen = await chosenContainers(context, args);
  if (!chosen.ok) return chosen.error;
  const { stdout, environment } = context;
  const { project, containers } = chosen.value;
  const used = new Map<string, string[]>();
  for (const { name, config } of containers) {
    for (const mount of config.mounts) {
      if (mount.kind !== 'volume' || mount.volume === undefined) continue;
      used.set(mount.volume, [...(used.get(mount.volume) ?? []), name]);
    }
  }
  const all = listProjectVolumes(environment, project)
    .filter(({ name }) => args.length === 0 || used.has(name))
    .map((volume) => ({ ...volume, usedBy: used.get(volume.name) ?? [] }));
  const rows = all.map(({ name, key, path, usedBy }) => ({
    Driver: 'local',
    Labels: '',
    Links: String(usedBy.length),
    Mountpoint: path as string,
    Name: name,
    Volume: key ?? '',
  }));
  if (flags.quiet) stdout.write(all.map(({ name }) => `${name}\n`).join(''));
  else if (globals.json) stdout.write(all.map((volume) => `${JSON.stringify(volume)}\n`).join(''));
  else if (format.value.kind === 'json') stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  else if (format.value.kind === 'template') printTemplate(context, format.value.template, rows);
  else {
    const cells = all.map(({ name, key, usedBy, path }) => [name, key ?? 'anonymous', usedBy.join(' ') || '-', path]);
    printTable(context, ['NAME', 'VOLUME', 'USED BY', 'PATH'], cells);
  }
  return exitCode.ok;
};
