import * as z from 'zod';
import { cidrFamily, family } from './address.ts';
import { topExtension } from './schema-image.ts';
import {
  checked,
  elements,
  flag,
  key,
  list,
  object,
  options,
  pairs,
  text,
  textOrList,
  texts,
  whole,
} from './schema-leaf.ts';
import { job, service } from './schema-service.ts';

const external = z.union([
  z.boolean(),
  text,
  object({
    name: key(text, 'Name of the element; write it beside external.', { examples: ['shared'], deprecated: true }),
  }),
]);

const cidr = checked(text, (value) => (cidrFamily(value) === 0 ? `"${value}" is not a subnet` : undefined), {
  code: 'bad-value',
  note: 'write an address and a number of bits: 172.20.0.0/24',
});
const address = checked(
  text,
  (value) => (family(value.replace(/\/\d+$/, '')) === 0 ? `"${value}" is not an IP address` : undefined),
  {
    code: 'bad-value',
    note: 'for example 172.20.0.1',
  },
);

const ipam = object({
  driver: key(text, 'Driver of the address management.', { default: 'default' }),
  config: key(
    list(
      object({
        subnet: key(cidr, 'Addresses of the network.', { examples: ['172.20.0.0/24'] }),
        ip_range: key(cidr, 'Part of the subnet that containers get addresses from.', { examples: ['172.28.5.0/24'] }),
        gateway: key(address, 'Address of the network itself.', { examples: ['172.28.0.1'] }),
        aux_addresses: key(z.record(z.string(), address), 'Addresses that are taken.', {
          examples: [{ printer: '172.28.1.5' }],
        }),
      }),
    ),
    'Subnets.',
    { examples: [[{ subnet: '172.28.0.0/16' }]] },
  ),
  options: key(z.record(z.string(), text), 'Options of the driver.', { examples: [{ scope: 'lan' }] }),
});

const network = object({
  name: key(text, 'Real name; PROJECT_KEY when left out.', { examples: ['shared'] }),
  driver: key(text, 'bridge, host or none.', { default: 'bridge' }),
  driver_opts: key(options, 'Options of the driver.', { examples: [{ 'com.example.option': 'value' }] }),
  ipam: key(ipam, 'Addresses of the network.', {
    examples: [{ config: [{ subnet: '172.28.0.0/16', gateway: '172.28.0.1' }] }],
  }),
  external: key(external, 'The network exists and is never made or removed.', { default: false }),
  internal: key(flag, 'No way out of the network.', { default: false }),
  attachable: key(flag, 'Single containers may join a Swarm network.', { examples: [true] }),
  enable_ipv4: key(flag, 'IPv4 addresses.', { default: true }),
  enable_ipv6: key(flag, 'IPv6 addresses.', { default: false }),
  labels: key(pairs, 'Facts about the network.', { examples: [{ 'org.example.tier': 'front' }] }),
});

const volume = object({
  name: key(text, 'Real name; PROJECT_KEY when left out.', { examples: ['shared-data'] }),
  driver: key(text, 'Only local.', { default: 'local' }),
  driver_opts: key(options, 'type, o and device of a mount(8) call.', {
    examples: [{ type: 'tmpfs', device: 'tmpfs', o: 'size=100m' }],
  }),
  external: key(external, 'The volume exists and is never made or removed.', { default: false }),
  labels: key(pairs, 'Facts about the volume.', { examples: [{ 'org.example.tier': 'front' }] }),
});

const fileKeys = {
  name: key(text, 'Real name; PROJECT_KEY when left out.', { examples: ['shop_db_password'] }),
  file: key(text, 'File with the content.', { examples: ['./db_password.txt'] }),
  environment: key(text, 'Environment variable with the content.', { examples: ['API_KEY'] }),
  external: key(external, 'The element comes from elsewhere.', { default: false }),
  labels: key(pairs, 'Facts about the element.', { examples: [{ 'org.example.tier': 'front' }] }),
  template_driver: key(text, 'Template engine of a Swarm.', { examples: ['golang'] }),
};

const secret = object({
  ...fileKeys,
  driver: key(text, 'Secret store of a Swarm.', { examples: ['vault'] }),
  driver_opts: key(options, 'Options of the secret store.', { examples: [{ 'com.example.option': 'value' }] }),
});

const config = object({
  ...fileKeys,
  content: key(text, 'The content itself; variables are replaced.', { examples: ['listen: ${PORT:-8080}\n'] }),
});

const model = object({
  name: key(text, 'Real name; the key when left out.', { examples: ['llm'] }),
  model: key(text, 'Identifier of the model.', { examples: ['ai/smollm2'], required: 'merged' }),
  context_size: key(whole(), 'Most tokens of the context.', { examples: [4096] }),
  runtime_flags: key(texts, 'Flags of the program that runs the model.', { examples: [['--temp', '0.7']] }),
});

const include = list(
  z.union([
    text,
    object({
      path: key(textOrList, 'The file, or several of which later ones override earlier ones.', {
        examples: ['./db/compose.yml'],
      }),
      project_directory: key(text, 'What relative paths in the file are relative to.', { examples: ['./db'] }),
      env_file: key(textOrList, 'Env files for its variables; .env beside the file when left out.', {
        examples: ['./db/.env'],
      }),
    }),
  ]),
);

const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);

/** The whole stack file. */
export const stackFile = object({
  name: key(text, 'Name of the project; that of the directory when left out.', { examples: ['shop'] }),
  version: key(text, 'Without meaning.', { examples: ['3.8'], deprecated: true }),
  include: key(include, 'Other stack files that this one is made of.', { examples: [['./db/compose.yml']] }),
  services: key(elements(service), 'What runs.', { examples: [{ web: { image: 'nginx', ports: ['8080:80'] } }] }),
  jobs: key(elements(job), 'What runs on demand or by the clock.', {
    examples: [{ backup: { image: 'restic', command: ['backup', '/data'], triggers: { schedule: ['0 3 * * *'] } } }],
  }),
  networks: key(elements(orNull(network)), 'Networks of the services.', {
    examples: [{ front: null, back: { internal: true } }],
  }),
  volumes: key(elements(orNull(volume)), 'Storage that outlives containers.', {
    examples: [{ data: null, uploads: { name: 'uploads', external: true } }],
  }),
  configs: key(elements(config), 'Files given to services.', { examples: [{ app: { content: 'debug: false' } }] }),
  secrets: key(elements(secret), 'Files given to services, kept from sight.', {
    examples: [{ db_password: { file: './db_password.txt' } }],
  }),
  models: key(elements(model), 'AI models.', { examples: [{ llm: { model: 'ai/smollm2' } }] }),
  'x-tscompose': key(topExtension, 'Settings of tscompose that leave the file valid for other tools.', {
    examples: [{ images: { 'alpine*': './alpine-minirootfs.tar.gz' } }],
  }),
});

export type StackInput = z.infer<typeof stackFile>;
export type ServiceInput = z.infer<typeof service>;
