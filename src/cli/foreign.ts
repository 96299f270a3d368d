import { commands, globalFlags } from './table.ts';

/** Something that docker compose has and tscompose does not. */
export type Foreign = {
  /** As it is typed: `build`, or `--menu`. */
  readonly name: string;
  /** The command whose flag it is; absent: a command, or a flag of all. */
  readonly of?: string;
  readonly why: string;
  /** What to do instead. */
  readonly instead: string;
};

const noImages = 'services are made from root filesystems, not from images';
const rootfs = 'give the service a rootfs: in the stack file, or its image an entry in an image map';

/** Everything on the command line of docker compose v5 that is not here; docs/cli-parity.md has the same in a table. */
export const foreign: readonly Foreign[] = [
  { name: 'build', why: noImages, instead: rootfs },
  { name: 'pull', why: noImages, instead: rootfs },
  {
    name: 'push',
    why: noImages,
    instead: 'put the root filesystem where others can reach it: tscompose export writes it',
  },
  { name: 'commit', why: noImages, instead: 'keep the root filesystem as a tarball: tscompose export -o FILE SERVICE' },
  { name: 'publish', why: 'there is no registry', instead: 'pass the stack file on, tscompose config prints it whole' },
  {
    name: 'bridge',
    why: 'it makes files for other engines',
    instead: 'tscompose config prints what there is to convert',
  },
  {
    name: 'alpha',
    why: 'its commands are experiments',
    instead: 'the commands themselves are there: watch, scale, plan',
  },
  { name: 'convert', why: 'it is an old name', instead: 'tscompose config' },
  {
    name: '--dry-run',
    why: 'a plan is a thing of its own here',
    instead: 'tscompose plan, or tscompose up --dry-run, shows what would be done',
  },
  { name: '--parallel', why: 'what can be done at once is', instead: 'leave it out' },
  {
    name: '--all-resources',
    why: 'a network or volume is made for those that use it',
    instead: 'leave it out, or name the resource in a service',
  },
  {
    name: '--compatibility',
    why: 'names have had dashes since 2021',
    instead: 'leave it out; container_name gives another name',
  },
  {
    name: '--verbose',
    why: 'there is nothing more to say',
    instead: 'leave it out; tscompose plan and tscompose why tell more',
  },
  { name: '--workdir', why: 'it is an old name', instead: '--project-directory DIR' },
  { name: '--no-ansi', why: 'it is an old name', instead: '--ansi never, or --no-color' },
  {
    name: '--menu',
    of: 'up',
    why: 'its keys work without it',
    instead: 'leave it out: d detaches, Ctrl-C stops; --watch watches',
  },
  {
    name: '--models',
    of: 'config',
    why: 'there is nobody to serve them',
    instead: 'tscompose config --services lists what there is',
  },
  { name: '--resolve-image-digests', of: 'config', why: noImages, instead: 'leave it out' },
  { name: '--lock-image-digests', of: 'config', why: noImages, instead: 'leave it out' },
  {
    name: '--remove-orphans',
    of: 'kill',
    why: 'to kill is not to remove',
    instead: 'tscompose down --remove-orphans, or up --remove-orphans',
  },
];

/** What to say of a word that the table does not know; undefined: docker compose does not know it either. */
export function foreignRemedy(
  unknown: string,
  command: string | undefined,
): { message: string; hint: string } | undefined {
  const found = foreign.find(({ name, of }) => name === unknown && (of === undefined || of === command));
  if (found === undefined) return undefined;
  const what = unknown.startsWith('-') ? unknown : `a command "${unknown}"`;
  return { message: `docker compose has ${what}, tscompose has not: ${found.why}`, hint: found.instead };
}

/** Whether a name, as `foreign` writes it, is in the table. */
export const isOurs = ({ name, of }: Pick<Foreign, 'name' | 'of'>): boolean => {
  if (!name.startsWith('-')) return commands().some((command) => command.name === name);
  const flags =
    of === undefined ? globalFlags : [...globalFlags, ...(commands().find((c) => c.name === of)?.flags ?? [])];
  return flags.some((flag) => flag.name === name.slice(2));
};
