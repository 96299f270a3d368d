import * as z from 'zod';
import { rootfs, serviceExtension } from './schema-extension.ts';
import {
  bytes,
  command,
  cpus,
  cpuset,
  duration,
  flag,
  hostname,
  key,
  list,
  mac,
  memory,
  micros,
  mode,
  named,
  number,
  numbersOrTexts,
  object,
  pairs,
  signal,
  text,
  textOrList,
  texts,
  user,
  whole,
} from './schema-leaf.ts';
import { networkAttachments } from './schema-network.ts';
import { volumes } from './schema-volume.ts';

const rateRule = (rate: z.ZodType, of: 'Bytes' | 'Operations') =>
  object({
    path: key(text, 'Block device on the host.', { examples: ['/dev/sda'], required: 'here' }),
    rate: key(rate, `${of} per second.`, { examples: [of === 'Bytes' ? '12mb' : 120], required: 'here' }),
  });

const blkioConfig = object({
  weight: key(whole(0, 1000), 'Relative share of block I/O, 10 to 1000; 0 is unset.', { default: 500 }),
  weight_device: key(
    list(
      object({
        path: key(text, 'Block device on the host.', { examples: ['/dev/sda'], required: 'here' }),
        weight: key(whole(0, 1000), 'Relative share on this device.', { examples: [300], required: 'here' }),
      }),
    ),
    'Shares for single devices.',
    { examples: [[{ path: '/dev/sda', weight: 200 }]] },
  ),
  device_read_bps: key(list(rateRule(bytes, 'Bytes')), 'Limits of bytes read per second.', {
    examples: [[{ path: '/dev/sda', rate: '20m' }]],
  }),
  device_write_bps: key(list(rateRule(bytes, 'Bytes')), 'Limits of bytes written per second.', {
    examples: [[{ path: '/dev/sda', rate: '10m' }]],
  }),
  device_read_iops: key(list(rateRule(whole(), 'Operations')), 'Limits of read operations per second.', {
    examples: [[{ path: '/dev/sda', rate: 500 }]],
  }),
  device_write_iops: key(list(rateRule(whole(), 'Operations')), 'Limits of write operations per second.', {
    examples: [[{ path: '/dev/sda', rate: 200 }]],
  }),
});

/** A reference to a top-level config or secret. */
export const fileReference = z.union([
  text,
  object({
    source: key(text, 'Name of the top-level element.', { examples: ['db_password'] }),
    target: key(text, 'File name in the container: absolute, or below /run/secrets for a secret and / for a config.', {
      examples: ['/etc/app/password'],
    }),
    uid: key(text, 'Owner of the file, a number as text.', { default: '0' }),
    gid: key(text, 'Group of the file, a number as text.', { default: '0' }),
    mode: key(mode, 'Permission bits of the file.', { default: '0444' }),
  }),
]);

export const ulimits = z.record(
  z.string().regex(/^[a-z]+$/),
  z.union([
    whole(-1),
    object({
      soft: key(whole(-1), 'The limit that applies; -1 is unlimited.', { examples: [20000], required: 'here' }),
      hard: key(whole(-1), 'How far the process may raise it; -1 is unlimited.', {
        examples: [40000],
        required: 'here',
      }),
    }),
  ]),
);

const envFile = z.union([
  text,
  list(
    z.union([
      text,
      object({
        path: key(text, 'The file, relative to the stack file.', { examples: ['./app.env'], required: 'here' }),
        required: key(flag, 'Whether the file must exist.', { default: true }),
        format: key(text, '"raw" takes lines as they are: no quotes, no variables, no comments.', {
          examples: ['raw'],
        }),
      }),
    ]),
  ),
]);

/** Host names and addresses: a list of `name=address`, or a map. */
export const extraHosts = z.union([z.record(z.string(), z.union([text, texts])), texts]);

const deviceRequest = object({
  capabilities: key(texts, 'What the device must be able to do.', { examples: [['gpu']] }),
  count: key(z.union([z.int(), z.string()]), 'How many, or "all".', { examples: ['all', 1] }),
  device_ids: key(texts, 'Which ones; instead of count.', { examples: [['0', '3']] }),
  driver: key(text, 'Driver of the device.', { examples: ['nvidia'] }),
  options: key(pairs, 'Options of the driver.', { examples: [{ key: 'value' }] }),
});

export const deviceRequests = list(deviceRequest);

const logging = object({
  driver: key(text, 'Where the output goes: a rotated file (json-file, local) or nowhere (none).', {
    default: 'json-file',
    examples: ['json-file', 'local', 'none'],
  }),
  options: key(
    z.record(z.string(), z.union([z.string(), z.number(), z.null()])),
    'Options of the driver: max-size (default 64m) and max-file (default 3).',
    { examples: [{ 'max-size': '10m', 'max-file': '5' }] },
  ),
});

const device = z.union([
  text,
  object({
    source: key(text, 'Device on the host.', { examples: ['/dev/ttyUSB0'], required: 'here' }),
    target: key(text, 'Path in the container; the same when left out.', { examples: ['/dev/modem'] }),
    permissions: key(text, 'Subset of rwm: read, write, mknod.', { default: 'rwm' }),
  }),
]);

const namespaceKeys = {
  cgroup: key(z.enum(['host', 'private']), 'Whose cgroup tree the container sees.', { default: 'private' }),
  ipc: key(text, 'IPC namespace: private, shareable, none, host, service:NAME or container:NAME.', {
    default: 'private',
  }),
  network_mode: key(text, 'none, host, bridge, service:NAME or container:NAME; instead of networks.', {
    examples: ['none', 'host', 'service:db'],
  }),
  pid: key(z.union([text, z.null()]), 'PID namespace: host, service:NAME or container:NAME.', { examples: ['host'] }),
  userns_mode: key(text, 'User namespace: "host" is that of the host.', { examples: ['host'] }),
  uts: key(text, 'UTS namespace: "host" is that of the host.', { examples: ['host'] }),
};

const resourceKeys = {
  blkio_config: key(blkioConfig, 'Shares and limits of block I/O.', {
    examples: [{ weight: 300, device_read_bps: [{ path: '/dev/sda', rate: '20m' }] }],
  }),
  cgroup_parent: key(text, 'Cgroup below which that of the container is made.', { examples: ['/ci'] }),
  cpu_count: key(whole(), 'Number of CPUs of a Windows container.', { examples: [2] }),
  cpu_percent: key(whole(0, 100), 'CPU percentage of a Windows container.', { examples: [50] }),
  cpu_period: key(micros, 'Length of a CPU period in microseconds, or a duration.', { default: 100_000 }),
  cpu_quota: key(micros, 'CPU time per period in microseconds, or a duration.', { examples: [50000] }),
  cpu_rt_period: key(micros, 'Period of the real-time scheduler.', { examples: ['1400us'] }),
  cpu_rt_runtime: key(micros, 'Run time per period of the real-time scheduler.', { examples: ['400ms'] }),
  cpu_shares: key(number(), 'Relative weight of the container when CPUs are busy.', { default: 1024 }),
  cpus: key(cpus, 'How many CPUs the container may use; 0 is no limit.', { examples: [0.5, '1.5'] }),
  cpuset: key(cpuset, 'Which CPUs the container may use.', { examples: ['0-3', '0,2'] }),
  device_cgroup_rules: key(texts, 'Rules of the device controller.', { examples: [['c 1:3 mr']] }),
  gpus: key(z.union([z.literal('all'), deviceRequests]), 'GPUs the container may use.', { examples: ['all'] }),
  mem_limit: key(memory, 'Most memory the container may use; beyond it the kernel kills. 0 is no limit.', {
    examples: ['512m', '1.5g'],
  }),
  mem_reservation: key(bytes, 'Memory the kernel tries to leave to the container when there is little.', {
    examples: ['128m'],
  }),
  mem_swappiness: key(whole(-1, 100), 'How readily the kernel swaps the container out (cgroup v1).', {
    examples: [10],
  }),
  memswap_limit: key(bytes, 'Memory and swap together; -1 is unlimited; twice mem_limit when left out.', {
    examples: ['1g'],
  }),
  oom_kill_disable: key(flag, 'Do not kill when memory runs out (cgroup v1).', { default: false }),
  oom_score_adj: key(whole(-1000, 1000), 'Preference of the OOM killer, -1000 to 1000.', { default: 0 }),
  pids_limit: key(number(-1), 'Most processes and threads; -1 is unlimited.', { examples: [200] }),
  shm_size: key(bytes, 'Size of /dev/shm.', { default: '64m' }),
  ulimits: key(ulimits, 'Resource limits as in getrlimit(2); one number sets soft and hard.', {
    examples: [{ nofile: { soft: 20000, hard: 40000 }, nproc: 65535 }],
  }),
};

const securityKeys = {
  cap_add: key(texts, 'Capabilities added to the default set, with or without CAP_; ALL for all.', {
    examples: [['NET_ADMIN']],
  }),
  cap_drop: key(texts, 'Capabilities taken from the default set; ALL for all.', { examples: [['ALL']] }),
  credential_spec: key(
    object({
      config: key(text, 'Name of a config with the specification.', { examples: ['gmsa'] }),
      file: key(text, 'File with the specification.', { examples: ['./credential-spec.json'] }),
      registry: key(text, 'Registry value with the specification.', { examples: ['my-credential-spec'] }),
    }),
    'Managed service account of a Windows container.',
    { examples: [{ file: './credential-spec.json' }] },
  ),
  group_add: key(numbersOrTexts, 'Further groups of the process, by name or number.', { examples: [['audio', 1000]] }),
  isolation: key(text, 'Isolation technology of a Windows container.', { examples: ['default'] }),
  privileged: key(flag, 'All capabilities and devices, nothing masked: no protection of the host.', { default: false }),
  read_only: key(flag, 'Mount the root file system read-only.', { default: false }),
  security_opt: key(
    texts,
    'no-new-privileges, seccomp=FILE or unconfined, systempaths=unconfined, apparmor=…, label=….',
    {
      examples: [['no-new-privileges:true']],
    },
  ),
  user: key(user, 'User and group of the process: uid, uid:gid, name or name:group.', { examples: ['1000:1000'] }),
};

const networkKeys = {
  dns: key(textOrList, 'Name servers in resolv.conf.', { examples: ['9.9.9.9'] }),
  dns_opt: key(texts, 'Options in resolv.conf.', { examples: [['use-vc', 'no-tld-query']] }),
  dns_search: key(textOrList, 'Search domains in resolv.conf; "." is none.', { examples: ['example.com'] }),
  domainname: key(hostname, 'NIS domain name of the container.', { examples: ['example.com'] }),
  extra_hosts: key(extraHosts, 'Further lines of /etc/hosts; the address host-gateway is that of the host.', {
    examples: [['api.local=10.0.0.5']],
  }),
  hostname: key(hostname, 'Host name of the container.', { examples: ['web'] }),
  mac_address: key(mac, 'MAC address of the first interface.', { examples: ['02:42:ac:11:65:43'] }),
  networks: key(networkAttachments, 'Networks the containers join; "default" when left out.', {
    examples: [['front']],
  }),
};

/** What one container is: also the body of a pre_start entry. */
export const containerKeys = {
  annotations: key(pairs, 'Facts about the container for other tools; no effect.', {
    examples: [{ 'org.example.owner': 'web team' }],
  }),
  command: key(command, 'What runs. Text is split into words, but no shell is started.', {
    examples: [['node', 'server.js'], 'sleep infinity'],
  }),
  configs: key(list(fileReference), 'Top-level configs that appear as files.', {
    examples: [['nginx.conf', { source: 'app', target: '/etc/app.json', mode: '0440' }]],
  }),
  devices: key(list(device), 'Host devices that appear in the container: SOURCE[:TARGET[:rwm]].', {
    examples: [['/dev/fuse']],
  }),
  entrypoint: key(command, 'Put before the command; takes the place of that of the image.', {
    examples: [['/docker-entrypoint.sh']],
  }),
  env_file: key(envFile, 'Files with environment variables; environment wins over them.', { examples: ['app.env'] }),
  environment: key(pairs, 'Environment variables; a name without a value is taken from the calling environment.', {
    examples: [{ PORT: '8080' }, ['PORT=8080']],
  }),
  image: key(text, 'Image reference; the image map of x-tscompose says which root file system it stands for.', {
    examples: ['alpine:3.20'],
  }),
  init: key(flag, 'A tiny PID 1 reaps zombies and forwards signals; false makes the command itself PID 1.', {
    default: true,
  }),
  label_file: key(textOrList, 'Files with labels; labels wins over them.', { examples: ['./labels'] }),
  labels: key(pairs, 'Facts about the container to filter by.', { examples: [{ 'org.example.tier': 'front' }] }),
  logging: key(logging, 'Where the output goes and how much of it is kept.', {
    examples: [{ driver: 'local', options: { 'max-size': '10m', 'max-file': '3' } }],
  }),
  platform: key(text, 'Platform of the image: os[/arch[/variant]].', { examples: ['linux/amd64'] }),
  pull_policy: key(
    text.regex(/^(always|never|build|if_not_present|missing|refresh|daily|weekly|every_([0-9]+[wdhms])+)$/),
    'When an image is fetched.',
    { examples: ['never', 'missing'] },
  ),
  pull_refresh_after: key(duration, 'Age after which "refresh" fetches again.', { examples: ['24h'] }),
  rootfs: key(rootfs, 'Root file system: a directory, a tarball, or a userspace made of host programs.', {
    examples: ['./rootfs', './alpine-minirootfs.tar.gz', { host: ['node', 'sh'] }],
  }),
  runtime: key(text, 'OCI runtime; tscompose is the runtime.', { examples: ['runc'] }),
  secrets: key(list(fileReference), 'Top-level secrets that appear as files below /run/secrets.', {
    examples: [['db_password', { source: 'cert', target: 'server.pem', mode: '0400' }]],
  }),
  stop_grace_period: key(duration, 'Time between the stop signal and SIGKILL.', { default: '10s' }),
  stop_signal: key(signal, 'Signal that asks the process to stop.', { default: 'SIGTERM' }),
  storage_opt: key(z.record(z.string(), z.unknown()), 'Options of the storage driver.', { examples: [{ size: '1G' }] }),
  sysctls: key(pairs, "Kernel parameters of the container's namespaces.", {
    examples: [{ 'net.core.somaxconn': '1024' }],
  }),
  tmpfs: key(textOrList, 'Empty file systems in memory: PATH[:size=64m,mode=1777].', { examples: ['/run'] }),
  use_api_socket: key(z.boolean(), "Give the container access to the engine's API.", { examples: [true] }),
  volumes: key(volumes, 'What is mounted: [SOURCE:]TARGET[:OPTIONS], or the long form.', {
    examples: [['./data:/var/lib/app', 'cache:/cache', { type: 'tmpfs', target: '/tmp' }]],
  }),
  volumes_from: key(texts, 'Mount all that another service mounts: SERVICE[:ro].', { examples: [['db:ro']] }),
  working_dir: key(text, 'Directory the command starts in; made when missing.', { examples: ['/app'] }),
  'x-tscompose': key(serviceExtension, 'Settings of tscompose that leave the file valid for other tools.', {
    examples: [{ probes: { readiness: { http: 8080 } } }],
  }),
  ...namespaceKeys,
  ...resourceKeys,
  ...securityKeys,
  ...networkKeys,
};

/** A command run beside the container's own, in its namespaces. */
export const hook = object({
  command: key(command, 'What runs.', { examples: [['./migrate.sh']], required: 'here' }),
  user: key(user, 'User of the command; that of the service when left out.', { examples: ['1000:1000'] }),
  privileged: key(flag, 'Run it with all capabilities.', { default: false }),
  working_dir: key(text, 'Directory the command starts in.', { examples: ['/srv/app'] }),
  environment: key(pairs, 'Further environment variables.', { examples: [{ STAGE: 'migrate' }] }),
});

export const preStartHook = object({
  ...containerKeys,
  per_replica: key(flag, 'Run it once for every container of the service.', { default: false }),
});

export { named };
