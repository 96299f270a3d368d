import { closeSync, existsSync, fchmodSync, fchownSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { RuntimeFailure } from '../../../model/event.ts';
import type { ContainerConfig, Mount } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { type ContainerPaths, containerPaths } from '../paths.ts';
import type { KeptFile } from '../sandbox/facts.ts';
import { containerHostname } from '../sandbox.ts';
import { type ContainerRecord, makeDirectory } from '../state-dir.ts';
import type { SessionContext } from './context.ts';
import { filePaths } from './facts.ts';
import { networkOwner } from './netns.ts';

/** A monitor keeps its program for life, and a frame has an end: what has grown this large is not sent along. */
const mostInFrame = 64 * 1024;

/** The record as the monitor writes it, first of all; nothing when configs inside the stack file have made it large. */
export function recordFile(record: ContainerRecord, where: ContainerPaths): KeptFile[] {
  const content = JSON.stringify(record);
  return content.length > mostInFrame ? [] : [{ path: where.record, content, mode: 0o600 }];
}

/** What is bound over files of /etc; /run loses it at every boot. */
export function boundFiles(
  context: SessionContext,
  { config, name }: Pick<ContainerRecord, 'config' | 'name'>,
  { files }: ContainerPaths,
): KeptFile[] {
  const hostname = containerHostname(config, name) ?? readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
  const networked = networkFiles(context, { config, name });
  const contents = {
    hostname: `${hostname}\n`,
    hosts: networked?.hosts ?? hostsText(config, hostname),
    'resolv.conf': networked?.resolvConf ?? resolvText(config),
  };
  return Object.entries(contents).map(([file, content]) => ({ path: `${files}/${file}`, content, mode: 0o644 }));
}

/** Configs and secrets, which can be large, and may belong to somebody else. */
export function writeMountedFiles({ config }: Pick<ContainerRecord, 'config'>, where: ContainerPaths): Outcome {
  const paths = filePaths(config, where);
  if (paths.length > 0) makeDirectory(where.files, 0o700);
  for (const [index, path] of paths) {
    const written = writeMountedFile(config.mounts[index] as FileMount, path, `mounts.${index}`);
    if (!written.ok) return written;
  }
  return ok(undefined);
}

type Outcome = Result<void, RuntimeFailure>;

/** /etc/hosts and /etc/resolv.conf are those of the network, whoever else is in it; those of another project are there already. */
function networkFiles(
  context: SessionContext,
  { config, name }: Pick<ContainerRecord, 'config' | 'name'>,
): { readonly hosts: string; readonly resolvConf: string } | undefined {
  const owner = networkOwner(context, config);
  if (owner === undefined || owner.at.run === context.at.run) return context.network.files(owner?.name ?? name);
  const { files } = containerPaths(owner.at, owner.name);
  if (!existsSync(`${files}/hosts`)) return undefined;
  return { hosts: readFileSync(`${files}/hosts`, 'utf8'), resolvConf: readFileSync(`${files}/resolv.conf`, 'utf8') };
}

type FileMount = Extract<Mount, { kind: 'file' }>;

function writeMountedFile(mount: FileMount, path: string, configPath: string): Outcome {
  const { content, mode, uid, gid } = mount;
  let bytes: Buffer;
  try {
    bytes = content.path === undefined ? Buffer.from(content.text ?? '') : readFileSync(content.path);
  } catch (cause) {
    const message = `cannot read ${content.path}: ${(cause as Error).message}`;
    return err({ code: 'io', message, configPath, notes: ['it is the content of a config or secret'] });
  }
  writeOwned(path, bytes, { mode, uid, gid });
  return ok(undefined);
}

function hostsText(config: ContainerConfig, hostname: string): string {
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::0\tip6-localnet'];
  lines.push('ff00::0\tip6-mcastprefix', 'ff02::1\tip6-allnodes', 'ff02::2\tip6-allrouters');
  for (const entry of config.extraHosts) {
    const match = /^([^:=]+)[:=]\[?([^\]]+)\]?$/.exec(entry);
    if (match !== null) lines.push(`${match[2]}\t${match[1]}`);
  }
  if (config.networkMode.kind !== 'host') lines.push(`127.0.1.1\t${hostname}`);
  return `${lines.join('\n')}\n`;
}

/** What the host asks, unless the stack file says otherwise; a resolver on the host's loopback is not ours to reach. */
function resolvText(config: ContainerConfig): string {
  const host = config.networkMode.kind === 'host';
  if (host && config.dns.length === 0 && config.dnsSearch.length === 0 && config.dnsOptions.length === 0) {
    return readOr('/etc/resolv.conf', '');
  }
  const lines = config.dns.map((address) => `nameserver ${address}`);
  if (config.dnsSearch.length > 0) lines.push(`search ${config.dnsSearch.join(' ')}`);
  if (config.dnsOptions.length > 0) lines.push(`options ${config.dnsOptions.join(' ')}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function readOr(path: string, otherwise: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return otherwise;
  }
}

function writeOwned(path: string, bytes: Buffer, owner: { mode: number; uid: number; gid: number }): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    writeFileSync(fd, bytes);
    fchownSync(fd, owner.uid, owner.gid);
    fchmodSync(fd, owner.mode);
  } finally {
    closeSync(fd);
  }
}
