import type { RuntimeFailure } from '../../../model/event.ts';
import type { PublishedPort } from '../../../model/project.ts';
import { err, ok, type Result } from '../../../util/result.ts';
import { errnoName } from '../native.ts';
import { listenersOf, type NetReply } from './net-table.ts';
import { findPortHolder, type PortHolder } from './port-holder.ts';
import type { BoundPort, NetworkRecord } from './record.ts';

/** The record with the ports the net process has, or why it has not. */
export function takeReply(record: NetworkRecord, reply: NetReply): Result<NetworkRecord, RuntimeFailure> {
  const refused = reply.ports.find(({ errno }) => errno !== 0);
  const listeners = listenersOf(record);
  const listener = refused === undefined ? undefined : listeners[refused.listener];
  if (refused !== undefined && listener !== undefined)
    return err(portFailure(listener.port, { container: listener.endpoint.container, errno: refused.errno }));
  if (reply.errno !== 0)
    return err({ code: 'port-taken', message: `cannot publish ports: ${errnoName(reply.errno)}`, notes: [] });
  const bound = new Map(reply.ports.map((each) => [each.listener, each.port]));
  let index = 0;
  const endpoints = record.endpoints.map((endpoint) => ({
    ...endpoint,
    ports: endpoint.ports.map((port): BoundPort => {
      const chosen = bound.get(index++);
      return chosen === undefined ? port : { ...port, bound: chosen };
    }),
  }));
  return ok({ ...record, endpoints });
}

function portFailure(
  port: BoundPort,
  { container, errno }: { readonly container: string; readonly errno: number },
): RuntimeFailure {
  const { hostIp, published, protocol, target } = port;
  const start = `cannot publish port ${portText(port)} for ${container}`;
  const code = errnoName(errno);
  if (code === 'EADDRINUSE') {
    const { reason, notes } = whyTaken(port, findPortHolder(published?.first ?? 0, protocol));
    return { code: 'port-taken', message: `${start}: ${reason}`, notes, configPath: 'ports' };
  }
  const reasons: { readonly [code: string]: readonly [string, string] } = {
    EACCES: ['ports below 1024 are reserved', 'choose a higher one, or lower net.ipv4.ip_unprivileged_port_start'],
    EADDRNOTAVAIL: ['this machine has no such address', `ip addr lists them; leave ${hostIp} out to listen on all`],
    EAFNOSUPPORT: ['this machine has no IPv6', 'use an IPv4 address'],
    EMFILE: ['too many ports are published', 'publish fewer than 4096'],
  };
  const [reason, remedy] = reasons[code] ?? [code, `container port ${target}`];
  return { code: 'port-taken', message: `${start}: ${reason}`, configPath: 'ports', notes: [remedy] };
}

/** A host port as the file would have it: `127.0.0.1:8080/tcp`. */
export function portText({ hostIp, published, protocol }: PublishedPort): string {
  const { first, last } = published ?? { first: 0, last: 0 };
  const range = last === first ? `${first}/${protocol}` : `${first}-${last}/${protocol}`;
  if (hostIp === undefined) return range;
  return `${hostIp.includes(':') ? `[${hostIp}]` : hostIp}:${range}`;
}

/** Why a port cannot be had, and what to do. */
export function whyTaken(
  { published }: PublishedPort,
  holder: PortHolder | undefined,
): { readonly reason: string; readonly notes: readonly string[] } {
  const remedy = 'publish another port, or none and let tscompose choose (write only the container port)';
  if (published !== undefined && published.last !== published.first)
    return { reason: 'every port of the range is taken', notes: [remedy] };
  if (holder === undefined) return { reason: 'it is taken', notes: [remedy] };
  const { pid, name, project } = holder;
  if (project === undefined) return { reason: `${name} (pid ${pid}) has it`, notes: [`stop it (kill ${pid})`, remedy] };
  return { reason: `project ${project} has it (pid ${pid})`, notes: [`tscompose -p ${project} down frees it`, remedy] };
}
