import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acceptRules } from '../../../src/runtime/linux/network/filters.ts';
import {
  attribute,
  bytesOf,
  decodeAcknowledgement,
  decodeAttributes,
  decodeMessages,
  encodeRequest,
  encodeRequests,
  listAttributes,
  type Request,
  readText,
} from '../../../src/runtime/linux/network/netlink.ts';
import { decodeRule, mentionsInterface } from '../../../src/runtime/linux/network/nftables.ts';
import {
  AF_INET,
  AF_INET6,
  decodeAddress,
  decodeLink,
  decodeRoute,
  newAddress,
  newBridge,
  newRoute,
} from '../../../src/runtime/linux/network/rtnl.ts';

const bytes = (constraints: fc.IntArrayConstraints) => fc.uint8Array(constraints).map((array) => Buffer.from(array));
const types = fc.nat(0x3fff);
const attributes = fc.array(fc.tuple(types, bytes({ maxLength: 40 })), { maxLength: 8 });
const indices = fc.integer({ min: 1, max: 2 ** 31 - 1 });
const names = fc.stringMatching(/^[a-z][a-z0-9-]{0,14}$/);
const prefixes = fc.constantFrom(4, 16).chain((size) =>
  fc.record({
    bytes: bytes({ minLength: size, maxLength: size }),
    length: fc.integer({ min: 1, max: size * 8 }),
  }),
);

/** What the kernel would send back: it speaks of things as it is told of them. */
function echoed(request: Request) {
  const [message, ...more] = decodeMessages(encodeRequest(request, 7));
  expect(more).toEqual([]);
  return message as NonNullable<typeof message>;
}

test('attributes are read back as they were written, in their order', () => {
  fc.assert(
    fc.property(attributes, (list) => {
      const whole = Buffer.from(list.map(([type, payload]) => attribute(type, payload)).join(''), 'latin1');
      expect(whole.length % 4).toBe(0);
      expect(listAttributes(whole)).toEqual(list);
    }),
  );
});

test('of requests in one datagram each is read back whole, with its number', () => {
  const requests = fc.array(
    fc.record({ type: fc.nat(0xffff), flags: fc.nat(0xffff), body: fc.array(bytes({ maxLength: 30 })), intent: names }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(requests, fc.nat(1_000_000), (list, first) => {
      const sent = list.map((request) => ({ ...request, body: request.body.map(bytesOf) }));
      const messages = decodeMessages(encodeRequests(sent, first));
      expect(messages.map(({ type, sequence, body }) => [type, sequence, body])).toEqual(
        list.map(({ type, body }, at) => [type, first + at, Buffer.concat(body)]),
      );
    }),
  );
});

test('whatever bytes come, readers of the framing end, and find nothing that is not in them', () => {
  // Lengths that nearly fit are what goes wrong: random bytes alone would rarely have one.
  const sized = bytes({ minLength: 4, maxLength: 80 }).chain((buffer) =>
    fc.tuple(fc.nat(90), fc.nat(20)).map(([size, at]) => {
      buffer.writeUInt16LE(size, Math.min(at * 4, buffer.length - 2));
      return buffer;
    }),
  );
  fc.assert(
    fc.property(sized, fc.nat(0xffff), (buffer, flags) => {
      const found = listAttributes(buffer).map(([, payload]) => payload);
      const messages = decodeMessages(buffer).map(({ body }) => body);
      for (const parts of [found, messages])
        expect(parts.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(buffer.length);
      readText(buffer);
      decodeAttributes(buffer);
      decodeAcknowledgement({ type: 2, flags, sequence: 0, body: buffer });
    }),
    { numRuns: 2000 },
  );
});

test('bridges, addresses and routes are read as they were asked for', () => {
  fc.assert(
    fc.property(names, indices, prefixes, fc.integer({ min: 68, max: 65_535 }), (name, index, to, mtu) => {
      const mac = Buffer.from('02420a010205', 'hex');
      expect(decodeLink(echoed(newBridge({ name, index, mac, mtu })))).toMatchObject({ name, index, mac, mtu });
      expect(decodeAddress(echoed(newAddress(index, to)))).toEqual({ index, ...to });
      const family = to.bytes.length === 4 ? AF_INET : AF_INET6;
      expect(decodeRoute(echoed(newRoute({ family, to, index, mtu })))).toMatchObject({
        family,
        to,
        index,
        table: 254,
      });
    }),
  );
});

test('a rule about an interface is known by its name and by no other', () => {
  fc.assert(
    fc.property(names, names, (ours, other) => {
      const place = { family: 'ip', name: 'filter', chain: 'FORWARD' } as const;
      for (const rule of acceptRules(place, ours).map(echoed).map(decodeRule)) {
        expect(mentionsInterface(rule, ours)).toBe(true);
        expect(mentionsInterface(rule, other)).toBe(other === ours);
      }
    }),
  );
});
