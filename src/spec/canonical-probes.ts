import { bool, built, type Canon, command, duration, fields, integer } from './canonical-leaf.ts';
import type { Tree } from './tree.ts';

/** `tcp: 5432` is `tcp: { port: 5432 }`: what a probe needs at least can stand by itself. */
const long =
  (key: string, canon: Canon): Canon =>
  (tree, scope) =>
    canon(tree.kind === 'mapping' || isNothing(tree) ? tree : built(tree, { [key]: bare(tree) }), scope);

const isNothing = (tree: Tree): boolean => tree.kind === 'scalar' && tree.value === null;

/** The tag belongs to the whole. */
const bare = (tree: Tree): Tree => ({ ...tree, tag: undefined, replaced: undefined });

const probe = fields({
  http: long('port', fields({ port: integer, status: integer })),
  tcp: long('port', fields({ port: integer })),
  exec: long('command', fields({ command })),
  log: long('pattern', (tree) => tree),
  notify: bool,
  interval: duration,
  timeout: duration,
  retries: integer,
  start_period: duration,
});

/** `x-tscompose.probes` of a service. */
export const probes = fields({ readiness: probe, liveness: probe });
