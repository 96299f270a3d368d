import * as z from 'zod';
import { ip, ipv4, ipv6, key, list, mac, object, options, text, texts } from './schema-leaf.ts';

const attachment = object({
  aliases: key(texts, 'Further names of the service on this network.', { examples: [['db.internal']] }),
  interface_name: key(text, 'Name of the interface in the container.', { examples: ['eth0'] }),
  ipv4_address: key(ipv4, 'Fixed IPv4 address.', { examples: ['172.20.0.10'] }),
  ipv6_address: key(ipv6, 'Fixed IPv6 address.', { examples: ['fd00::10'] }),
  link_local_ips: key(list(ip), 'Link-local addresses.', { examples: [['169.254.10.5']] }),
  mac_address: key(mac, 'MAC address of the interface.', { examples: ['02:42:ac:11:65:43'] }),
  driver_opts: key(options, 'Options of the network driver.', { examples: [{ 'com.example.option': 'value' }] }),
  priority: key(z.number(), 'Networks are joined in falling order of it.', { default: 0 }),
  gw_priority: key(z.number(), 'The network with the highest one gives the default route.', { default: 0 }),
});

/** A list of names, or a map from name to how it is joined. */
export const networkAttachments = z.union([
  texts,
  z.record(z.string().regex(/^[a-zA-Z0-9._-]+$/), z.union([attachment, z.null()])),
]);
