import type { RootfsSource } from '../../model/project.ts';
import type { ObservedContainer } from '../../model/state.ts';
import { chosenContainers } from '../chosen.ts';
import { exitCode } from '../exit-code.ts';
import { printTable, printTemplate, readFormat } from '../rows.ts';
import type { Runner } from './runner.ts';

const fields = ['Container', 'Service', 'Image', 'Kind', 'Rootfs'];

export const images: Runner<'images'> = async ({ flags, args, globals }, context) => {
  const format = readFormat(context, flags.format, fields);
  if (!format.ok) return format.error;
  const chosen = await chosenContainers(context, args);
  if (!chosen.ok) return chosen.error;
  const { stdout } = context;
  const rows = chosen.value.containers.map(rowOf);
  if (flags.quiet) stdout.write([...new Set(rows.map(({ Rootfs }) => `${Rootfs}\n`))].join(''));
  else if (globals.json) {
    const lines = chosen.value.containers.map(({ name, service, config: { image, rootfs } }) =>
      JSON.stringify({ container: name, service, ...(image !== undefined && { image }), rootfs }),
    );
    stdout.write(lines.map((line) => `${line}\n`).join(''));
  } else if (format.value.kind === 'json') stdout.write(`${JSON.stringify(rows)}\n`);
  else if (format.value.kind === 'template') printTemplate(context, format.value.template, rows);
  else {
    const cells = rows.map(({ Container, Image, Kind, Rootfs }) => [Container, Image, Kind, Rootfs]);
    printTable(context, ['CONTAINER', 'IMAGE', 'KIND', 'ROOTFS'], cells);
  }
  return exitCode.ok;
};

const rowOf = ({ name, service, config: { image = '', rootfs } }: ObservedContainer) => ({
  Container: name as string,
  Service: service as string,
  Image: image,
  Kind: rootfs.kind as string,
  Rootfs: sourceText(rootfs),
});

const sourceText = (rootfs: RootfsSource): string => (rootfs.kind === 'host' ? rootfs.programs.join(' ') : rootfs.path);
