import * as z from 'zod';
import { cidrFamily, family } from './address.ts';
import { topExtension } from './schema-extension.ts';
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
  object({ name: key(text, 'Name of the element; write it beside external.', { deprecated: true }) }),
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
        ip_range: key(cidr, 'Part of the subnet that containers get addresses from.'),
        gateway: key(address, 'Address of the network itself.'),
        aux_addresses: key(z.record(z.string(), address), 'Addresses that are taken.'),
      }),
    ),
    'Subnets.',
  ),
  options: key(z.record(z.string(), text), 'Options of the driver.'),
});

const network = object({
  name: key(text, 'Real name; PROJECT_KEY when left out.'),
  driver: key(text, 'bridge, host or none.', { default: 'bridge' }),
  driver_opts: key(options, 'Options of the driver.'),
  ipam: key(ipam, 'Addresses of the network.'),
  external: key(external, 'The network exists and is never made or removed.', { default: false }),
  internal: key(flag, 'No way out of the network.', { default: false }),
  attachable: key(flag, 'Single containers may join a Swarm network.'),
  enable_ipv4: key(flag, 'IPv4 addresses.', { default: true }),
  enable_ipv6: key(flag, 'IPv6 addresses.', { default: false }),
  labels: key(pairs, 'Facts about the network.'),
});

const volume = object({
  name: key(text, 'Real name; PROJECT_KEY when left out.'),
  driver: key(text, 'Only local.', { default: 'local' }),
  driver_opts: key(options, 'type, o and device of a mount(8) call.', {
    examples: [{ type: 'tmpfs', device: 'tmpfs', o: 'size=100m' }],
  }),
  external: key(external, 'The volume exists and is never made or removed.', { default: false }),
  labels: key(pairs, 'Facts about the volume.'),
});

const fileKeys = {
  name: key(text, 'Real name; PROJECT_KEY when left out.'),
  file: key(text, 'File with the content.'),
  environment: key(text, 'Environment variable with the content.'),
  external: key(external, 'The element comes from elsewhere.', { default: false }),
  labels: key(pairs, 'Facts about the element.'),
  template_driver: key(text, 'Template engine of a Swarm.'),
};

const secret = object({
  ...fileKeys,
  driver: key(text, 'Secret store of a Swarm.'),
  driver_opts: key(options, 'Options of the secret store.'),
});

const config = object({
  ...fileKeys,
  content: key(text, 'The content itself; variables are replaced.'),
});

const model = object({
  name: key(text, 'Real name; the key when left out.'),
  model: key(text, 'Identifier of the model.', { required: 'merged' }),
  context_size: key(whole(), 'Most tokens of the context.'),
  runtime_flags: key(texts, 'Flags of the program that runs the model.'),
});

const include = list(
  z.union([
    text,
    object({
      path: key(textOrList, 'The file, or several of which later ones override earlier ones.'),
      project_directory: key(text, 'What relative paths in the file are relative to.'),
      env_file: key(textOrList, 'Env files for its variables; .env beside the file when left out.'),
    }),
  ]),
);

const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);

/** The whole stack file. */
export const stackFile = object({
  name: key(text, 'Name of the project; that of the directory when left out.', { examples: ['shop'] }),
  version: key(text, 'Without meaning.', { deprecated: true }),
  include: key(include, 'Other stack files that this one is made of.'),
  services: key(elements(service), 'What runs.'),
  jobs: key(elements(job), 'What runs on demand or by the clock.'),
  networks: key(elements(orNull(network)), 'Networks of the services.'),
  volumes: key(elements(orNull(volume)), 'Storage that outlives containers.'),
  configs: key(elements(config), 'Files given to services.'),
  secrets: key(elements(secret), 'Files given to services, kept from sight.'),
  models: key(elements(model), 'AI models.'),
  'x-tscompose': key(topExtension, 'Settings of tscompose that leave the file valid for other tools.'),
});

export type StackInput = z.infer<typeof stackFile>;
export type ServiceInput = z.infer<typeof service>;
