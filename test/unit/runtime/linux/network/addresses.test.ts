import { describe, expect, test } from 'vitest';
import {
  addressBytes,
  addressFromBytes,
  type Cidr,
  containsAddress,
  formatAddress,
  formatCidr,
  macOf,
  overlaps,
  parseAddress,
  parseCidr,
  parseMac,
  uniqueLocalSubnet,
} from '../../../../../src/runtime/linux/network/addresses.ts';
import { type Claim, chooseSubnet, lease } from '../../../../../src/runtime/linux/network/leases.ts';

const address = (text: string) => parseAddress(text)!;
const cidr = (text: string) => parseCidr(text)!;

describe('text and bytes', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1', '0a000001'],
    ['255.255.255.255', '255.255.255.255', 'ffffffff'],
    ['::', '::', '0'.repeat(32)],
    ['::1', '::1', `${'0'.repeat(31)}1`],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1', '20010db8000000000001000000000001'],
    ['fd00::10.1.2.3', 'fd00::a01:203', 'fd00000000000000000000000a010203'],
    ['1:2:3:4:5:6:7:0', '1:2:3:4:5:6:7:0', '00010002000300040005000600070000'],
  ])('%s is written %s', (text, canonical, hex) => {
    expect(formatAddress(address(text))).toBe(canonical);
    expect(addressBytes(address(text)).toString('hex')).toBe(hex);
    expect(addressFromBytes(addressBytes(address(text)))).toEqual(address(text));
  });

  test.each(['', '10.0.0', '10.0.0.256', '::1%eth0', '1::2::3', 'localhost', '010.0.0.1'])(
    '"%s" is no address',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );

  test('a prefix loses its host bits', () => {
    expect(formatCidr(cidr('10.1.2.3/24'))).toBe('10.1.2.0/24');
    expect(formatCidr(cidr('fd00:1::5/64'))).toBe('fd00:1::/64');
    expect(['10.1.2.3', '10.1.2.3/33', '10.1.2.3/', 'fd00::/129', '1.2.3.4/2/3'].map(parseCidr)).toEqual(
      new Array(5).fill(undefined),
    );
  });

  test('prefixes overlap when one holds the other, never across families', () => {
    expect(overlaps(cidr('10.0.0.0/8'), cidr('10.1.2.0/24'))).toBe(true);
    expect(overlaps(cidr('10.1.2.0/24'), cidr('10.0.0.0/8'))).toBe(true);
    expect(overlaps(cidr('10.1.2.0/24'), cidr('10.1.3.0/24'))).toBe(false);
    expect(overlaps(cidr('0.0.0.0/0'), cidr('::/0'))).toBe(false);
    expect(containsAddress(cidr('10.1.2.0/24'), address('10.1.2.255'))).toBe(true);
    expect(containsAddress(cidr('10.1.2.0/24'), address('10.1.3.0'))).toBe(false);
  });

  test('a MAC follows from the address', () => {
    expect(macOf(address('172.17.0.3')).toString('hex')).toBe('0242ac110003');
    expect(parseMac('02:42:AC-11:00:03')).toEqual(macOf(address('172.17.0.3')));
    expect(parseMac('02:42:ac:11:00')).toBeUndefined();
  });

  test('a unique local subnet is stable and its own', () => {
    expect(uniqueLocalSubnet('shop/default')).toEqual(uniqueLocalSubnet('shop/default'));
    expect(uniqueLocalSubnet('shop/default')).not.toEqual(uniqueLocalSubnet('shop/other'));
    expect(formatCidr(uniqueLocalSubnet('shop/default'))).toMatch(/^fd[0-9a-f]{2}:.*::\/64$/);
  });
});

describe('choosing a subnet', () => {
  const choice = { pools: [cidr('10.0.0.0/16')], length: 24, longest: 28, seed: 'shop/default' };

  test('gives the same one to the same name, inside the pool', () => {
    const chosen = chooseSubnet({ ...choice, taken: [] })!;
    expect(chooseSubnet({ ...choice, taken: [] })).toEqual(chosen);
    expect(chosen.length).toBe(24);
    expect(overlaps(chosen, cidr('10.0.0.0/16'))).toBe(true);
  });

  test('goes round what is taken', () => {
    const taken: Cidr[] = [];
    for (let i = 0; i < 256; i++) taken.push(chooseSubnet({ ...choice, taken })!);
    expect(new Set(taken.map(formatCidr)).size).toBe(256);
    expect(chooseSubnet({ ...choice, taken })).toBeUndefined();
  });

  test('takes a smaller one when none of the wanted size is left', () => {
    const taken = Array.from({ length: 256 }, (_, i) => cidr(`10.0.${i}.0/25`));
    expect(chooseSubnet({ ...choice, taken })?.length).toBe(26);
  });

  test('leaves a pool alone that a host route covers', () => {
    const pools = [cidr('10.0.0.0/16'), cidr('10.9.0.0/24')];
    expect(formatCidr(chooseSubnet({ ...choice, pools, taken: [cidr('10.0.0.0/16')] })!)).toBe('10.9.0.0/24');
  });
});

describe('leasing addresses', () => {
  const lessor = {
    subnet: cidr('10.1.2.0/29'),
    range: cidr('10.1.2.0/29'),
    gateway: address('10.1.2.1'),
    reserved: [address('10.1.2.3')],
  };
  const run = (claims: Claim[], held: Record<string, string> = {}, over = {}) => {
    const result = lease(
      { ...lessor, ...over },
      { claims, held: new Map(Object.entries(held).map(([name, text]) => [name, address(text)])) },
    );
    if (!result.ok) return result.error;
    return Object.fromEntries([...result.value].map(([name, value]) => [name, formatAddress(value)]));
  };

  test('the lowest free ones are given in order, past the gateway and what is reserved', () => {
    expect(run([{ container: 'a' }, { container: 'b' }])).toEqual({ a: '10.1.2.2', b: '10.1.2.4' });
  });

  test('a container gets back what it had, and what it asks for comes before that', () => {
    expect(
      run([
        { container: 'a', before: address('10.1.2.5') },
        { container: 'b', before: address('10.1.2.2') },
        { container: 'c', fixed: address('10.1.2.5') },
      ]),
    ).toEqual({ c: '10.1.2.5', b: '10.1.2.2', a: '10.1.2.4' });
  });

  test('an address before outside of the subnet is forgotten', () => {
    expect(run([{ container: 'a', before: address('10.7.7.7') }])).toEqual({ a: '10.1.2.2' });
  });

  test('an address outside, taken, or the broadcast one is refused by name', () => {
    expect(run([{ container: 'a', fixed: address('10.1.3.1') }])).toMatchObject({ kind: 'outside' });
    expect(run([{ container: 'a', fixed: address('10.1.2.7') }])).toMatchObject({ kind: 'outside' });
    expect(run([{ container: 'a', fixed: address('10.1.2.1') }])).toMatchObject({ kind: 'taken', by: 'the gateway' });
    expect(run([{ container: 'a', fixed: address('10.1.2.2') }], { z: '10.1.2.2' })).toMatchObject({ by: 'z' });
  });

  test('exhaustion names the first container that goes without', () => {
    const claims = ['a', 'b', 'c', 'd', 'e', 'f'].map((container) => ({ container }));
    expect(run(claims)).toEqual({ kind: 'exhausted', container: 'e' });
  });

  test('ip_range bounds what is given, not what is asked for', () => {
    const over = { range: cidr('10.1.2.4/31') };
    expect(
      run([{ container: 'a' }, { container: 'b' }, { container: 'c', fixed: address('10.1.2.2') }], {}, over),
    ).toEqual({ c: '10.1.2.2', a: '10.1.2.4', b: '10.1.2.5' });
  });
});
