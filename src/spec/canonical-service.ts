import {
  asList,
  bool,
  built,
  bytes,
  type Canon,
  command,
  decimal,
  duration,
  fields,
  flatItems,
  hostPath,
  integer,
  items,
  micros,
  pairs,
  type Scope,
  text,
  textOrEmpty,
  untagged,
  values,
  withDefaults,
} from './canonical-leaf.ts';
import { devices, extraHosts, fileReferences, ports, volumes } from './canonical-mounts.ts';
import { probes } from './canonical-probes.ts';
import { suggest } from './suggest.ts';
import {
  child,
  type Entry,
  mappingAt,
  placeOf,
  scalarAt,
  sequenceAt,
  type Tree,
  toValue,
  withEntries,
} from './tree.ts';

const ulimits = values((tree, scope) =>
  tree.kind === 'mapping' ? values(integer)(tree, scope) : integer(tree, scope),
);

const isUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]*:\/\/|^git@|^github\.com\//i.test(path);

const contextPath: Canon = (tree, scope) =>
  tree.kind === 'scalar' && typeof tree.value === 'string' && !isUrl(tree.value) ? hostPath(tree, scope) : tree;

const additionalContext: Canon = (tree, scope) =>
  tree.kind === 'scalar' && /^(docker-image|service|oci-layout):/.test(String(tree.value))
    ? tree
    : contextPath(tree, scope);

const longBuild = fields({
  context: contextPath,
  args: pairs('null'),
  additional_contexts: (tree, scope) => values(additionalContext)(pairs('empty')(tree, scope), scope),
  no_cache: bool,
  no_cache_filter: asList,
  pull: bool,
  labels: pairs('empty'),
  shm_size: bytes,
  ulimits,
  extra_hosts: extraHosts,
  privileged: bool,
  secrets: fileReferences(''),
  ssh: (tree, scope) => pairs('null')(asList(tree, scope), scope),
  provenance: text,
  sbom: text,
});

export const build: Canon = (tree, scope) => {
  const long = tree.kind === 'scalar' ? built(tree, { context: tree.value }) : tree;
  return longBuild(long, scope);
};

const envFile: Canon = (tree, scope) =>
  flatItems((item) => {
    const long = item.kind === 'scalar' ? built(item, { path: item.value }) : item;
    return [withDefaults(fields({ path: hostPath, required: bool })(long, scope), { required: true })];
  })(asList(tree, scope), scope);

/** List or map into a map; `make` gives the value of a name in a list. */
const namesToMap =
  (make: (item: Tree) => Tree, canon: Canon): Canon =>
  (tree, scope) => {
    if (tree.kind === 'mapping') return values(canon)(tree, scope);
    if (tree.kind !== 'sequence') return tree;
    const entries = new Map<string, Entry>();
    for (const item of tree.items)
      entries.set(String(toValue(item)), { key: placeOf(item), value: make(untagged(item)) });
    return mappingAt(tree, entries);
  };

const dependsOn = namesToMap(
  (item) => built(item, { condition: 'service_started', required: true }),
  (tree, scope) => withDefaults(fields({ restart: bool, required: bool })(tree, scope), { required: true }),
);

const attachment = fields({ driver_opts: values(text), priority: decimal, gw_priority: decimal });
const networks = namesToMap((item) => scalarAt(item, null), attachment);
const models = namesToMap(
  (item) => scalarAt(item, null),
  (tree) => tree,
);

const healthcheck: Canon = (tree, scope) => {
  const canon = fields({
    test: healthTest,
    interval: duration,
    timeout: duration,
    retries: integer,
    start_period: duration,
    start_interval: duration,
    disable: bool,
  })(tree, scope);
  const test = child(canon, 'test');
  if (test?.kind === 'sequence' && test.items.length > 0) checkTest(test.items, scope);
  return canon;
};

const healthTest: Canon = (tree) => {
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return tree;
  return sequenceAt(tree, [scalarAt(untagged(tree), 'CMD-SHELL'), untagged(tree)]);
};

function checkTest(test: readonly Tree[], scope: Scope): void {
  const [first, second] = test;
  const word = first === undefined ? '' : String(toValue(first));
  if (word === 'NONE' || word.includes('$')) return;
  if (word !== 'CMD' && word !== 'CMD-SHELL') {
    const near = suggest(word, ['CMD', 'CMD-SHELL', 'NONE']);
    scope.report.error('bad-value', {
      summary: `a health check cannot start with "${word}"`,
      at: first,
      notes: [
        near === undefined
          ? 'put "CMD" before the command, or "CMD-SHELL" before a shell command'
          : `did you mean "${near}"?`,
      ],
    });
    return;
  }
  if (second === undefined) {
    scope.report.error('bad-value', { summary: `a health check with ${word} needs a command`, at: first });
  }
}

const hook = fields({ command, privileged: bool, environment: pairs('null') });

const resources = fields({
  limits: fields({ cpus: decimal, memory: bytes, pids: integer }),
  reservations: fields({ cpus: decimal, memory: bytes, devices: deviceRequests }),
});

function deviceRequests(tree: Tree, scope: Scope): Tree {
  const list =
    tree.kind === 'scalar' && tree.value === 'all' ? sequenceAt(tree, [built(untagged(tree), { count: -1 })]) : tree;
  return items((item) => {
    const canon = fields({ count: deviceCount, options: pairs('empty') })(item, scope);
    const any = child(canon, 'count') ?? child(canon, 'device_ids');
    return any === undefined ? withDefaults(canon, { count: -1 }) : canon;
  })(list, scope);
}

const deviceCount: Canon = (tree, scope) =>
  tree.kind === 'scalar' && tree.value === 'all' ? scalarAt(tree, -1) : integer(tree, scope);

const update = fields({ parallelism: integer, delay: duration, monitor: duration, max_failure_ratio: decimal });

export const deploy = fields({
  replicas: integer,
  labels: pairs('empty'),
  resources,
  restart_policy: fields({ delay: duration, max_attempts: integer, window: duration }),
  update_config: update,
  rollback_config: update,
  placement: fields({ max_replicas_per_node: integer }),
});

const develop = fields({
  watch: items(fields({ path: hostPath, ignore: asList, include: asList, exec: hook, initial_sync: bool })),
});

const rate = fields({ rate: bytes });
const blkio = fields({
  weight: integer,
  weight_device: items(fields({ weight: integer })),
  device_read_bps: items(rate),
  device_write_bps: items(rate),
  device_read_iops: items(rate),
  device_write_iops: items(rate),
});

export const rootfs: Canon = (tree, scope) => (tree.kind === 'scalar' ? hostPath(tree, scope) : tree);

const extension = fields({
  rootfs,
  clock: fields({ monotonic: duration, boottime: duration }),
  probes,
  post_stop: items(hook),
  start_limit: fields({ burst: integer, interval: duration }),
});

/** The short form of an entry of the image map is its root file system. */
export const image: Canon = (tree, scope) => {
  const short = tree.kind === 'scalar' || child(tree, 'host') !== undefined;
  return imageFields(short ? built(tree, { rootfs: untagged(tree) }) : tree, scope);
};

const imageFields = fields({
  rootfs,
  entrypoint: command,
  command,
  environment: pairs('empty'),
  healthcheck,
});

const logging = fields({ options: values(textOrEmpty) });

const containerTable: { readonly [key: string]: Canon } = {
  annotations: pairs('empty'),
  blkio_config: blkio,
  command,
  configs: fileReferences(''),
  cpu_count: integer,
  cpu_percent: integer,
  cpu_period: micros,
  cpu_quota: micros,
  cpu_rt_period: micros,
  cpu_rt_runtime: micros,
  cpu_shares: integer,
  cpus: decimal,
  credential_spec: fields({ file: hostPath }),
  devices,
  dns: asList,
  dns_search: asList,
  entrypoint: command,
  env_file: envFile,
  environment: pairs('null'),
  extra_hosts: extraHosts,
  gpus: deviceRequests,
  group_add: items(text),
  init: bool,
  label_file: (tree, scope) => items(hostPath)(asList(tree, scope), scope),
  labels: pairs('empty'),
  logging,
  mem_limit: bytes,
  mem_reservation: bytes,
  mem_swappiness: text,
  memswap_limit: bytes,
  networks,
  oom_kill_disable: bool,
  oom_score_adj: integer,
  pids_limit: integer,
  privileged: bool,
  pull_refresh_after: duration,
  read_only: bool,
  rootfs,
  secrets: fileReferences('/run/secrets'),
  shm_size: bytes,
  stop_grace_period: duration,
  storage_opt: values(text),
  sysctls: pairs('empty'),
  tmpfs: asList,
  ulimits,
  volumes,
  'x-tscompose': extension,
};

const serviceTable: { readonly [key: string]: Canon } = {
  ...containerTable,
  attach: bool,
  build,
  depends_on: dependsOn,
  deploy,
  develop,
  expose: items(text),
  healthcheck,
  models,
  ports,
  post_start: items(hook),
  pre_start: items((tree, scope) => fields({ ...containerTable, per_replica: bool })(tree, scope)),
  pre_stop: items(hook),
  scale: integer,
  stdin_open: bool,
  tty: bool,
};

/** A service (or job) in canonical form; also gives it the long form of `extends`. */
export const service: Canon = (tree, scope) => {
  const canon = fields(serviceTable)(tree, scope);
  const base = child(canon, 'extends');
  if (canon.kind !== 'mapping' || base?.kind !== 'scalar' || base.tag === 'reset') return canon;
  return withEntries(canon, { extends: built(base, { service: base.value }) });
};

export const job: Canon = (tree, scope) =>
  fields({ ...serviceTable, triggers: fields({ manual: bool, schedule }) })(tree, scope);

const schedule: Canon = (tree, scope) =>
  flatItems((item) => [
    withDefaults(item.kind === 'scalar' ? built(item, { cron: item.value }) : item, {
      timezone: 'UTC',
      concurrency: 'forbid',
      missed_fires: 'one',
    }),
  ])(asList(tree, scope), scope);
