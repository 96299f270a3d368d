import type { Network } from '../../src/model/project.ts';
import type { Attachment, Endpoint, NetworkRecord } from '../../src/runtime/linux/network/record.ts';

const network = (key: string, internal = false): Network => ({
  key,
  name: `shop_${key}`,
  driver: 'bridge',
  external: false,
  internal,
  enableIpv6: false,
  subnets: [],
  labels: {},
});

/** A place of a container on one of the two networks: the last part of its address. */
export const on = (name: string, last: number, more: Partial<Attachment> = {}): Attachment => ({
  network: `shop_${name}`,
  interfaceName: 'eth0',
  mac: '024200000000',
  ipv4: `10.201.${name === 'front' ? 1 : 2}.${last}`,
  aliases: [],
  gateway: name === 'front',
  ...more,
});

export const endpoint = (container: string, attachments: Attachment[], more: Partial<Endpoint> = {}): Endpoint => ({
  container,
  service: container.replace(/-\d+$/, ''),
  attachments,
  ports: [],
  dns: [],
  dnsSearch: [],
  dnsOptions: [],
  extraHosts: [],
  links: [],
  ...more,
});

/** Two networks, one without a way out; three services, one of them on both. */
export const sampleRecord: NetworkRecord = {
  version: 1,
  uplink: '10.205.0.4/30',
  networks: [
    {
      network: network('front'),
      bridge: 'br-front',
      index: 10,
      subnets: [{ cidr: '10.201.1.0/24', gateway: '10.201.1.1' }],
    },
    {
      network: network('back', true),
      bridge: 'br-back',
      index: 11,
      subnets: [{ cidr: '10.201.2.0/24', gateway: '10.201.2.1' }],
    },
  ],
  endpoints: [
    endpoint('web-1', [on('front', 2)], {
      extraHosts: ['printer=192.0.2.9', 'host.docker.internal:host-gateway', 'six:[fd00::1]'],
      links: ['api:friend'],
    }),
    endpoint('web-2', [on('front', 3)]),
    endpoint('api-1', [on('front', 4, { aliases: ['rest'] }), on('back', 4)], {
      hostname: 'api.shop',
      domainname: 'example',
    }),
    endpoint('db-1', [on('back', 5)]),
  ],
};
