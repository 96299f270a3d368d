import type { Brand } from '../util/brand.ts';

/** A span of time in milliseconds; fractions are allowed (`1us` is 0.001). */
export type Millis = Brand<number, 'Millis'>;
/** A count of bytes, a safe integer. */
export type Bytes = Brand<number, 'Bytes'>;
/** An absolute path on the host. */
export type HostPath = Brand<string, 'HostPath'>;
/** An absolute path inside a container. */
export type GuestPath = Brand<string, 'GuestPath'>;
/** Normalised: `[a-z0-9][a-z0-9_-]*`. */
export type ProjectName = Brand<string, 'ProjectName'>;
/** A key under `services:`. */
export type ServiceName = Brand<string, 'ServiceName'>;
/** The name of one replica: `shop-web-1`, or `container_name`. Unique in a project. */
export type ContainerName = Brand<string, 'ContainerName'>;
/** The canonical name of a Linux signal: `SIGTERM`, `SIGRTMIN+3`. */
export type SignalName = Brand<string, 'SignalName'>;
