import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ContainerConfig, Mount } from '../../../src/model/project.ts';
import { canonical, differences } from '../../../src/project/fingerprint.ts';
import { attach, config } from '../../support/builders.ts';

const between = (from: Partial<ContainerConfig>, to: Partial<ContainerConfig>) => differences(config(from), config(to));
const file = (sha256: string, more: Partial<Extract<Mount, { kind: 'file' }>> = {}): Mount => ({
  kind: 'file',
  target: '/app.conf' as never,
  content: { sha256, text: `text of ${sha256}` },
  mode: 0o444,
  uid: 0,
  gid: 0,
  secret: false,
  ...more,
});
const volume = (name: string, target = '/data'): Mount => ({
  kind: 'volume',
  volume: name,
  target: target as never,
  readOnly: false,
  noCopy: false,
});

describe('what differs', () => {
  test('is named by its path, with both values', () => {
    expect(between({ environment: { PORT: '8080' } }, { environment: { PORT: '9090' } })).toEqual([
      { path: 'environment.PORT', from: '8080', to: '9090' },
    ]);
    expect(between({ argv: ['a'] }, { argv: ['a', 'b'] })).toEqual([{ path: 'argv', from: '["a"]', to: '["a","b"]' }]);
    expect(between({}, { hostname: 'web' })).toEqual([{ path: 'hostname', to: 'web' }]);
    expect(between({ labels: {} }, { labels: { constructor: '' } })).toEqual([{ path: 'labels.constructor', to: '' }]);
    expect(between({ labels: { toString: '' } }, { labels: {} })).toEqual([{ path: 'labels.toString', from: '' }]);
  });

  test('inside of a mount is a field of it, and the order of mounts is nothing', () => {
    expect(between({ mounts: [volume('a')] }, { mounts: [volume('b')] })).toEqual([
      { path: 'mounts./data.volume', from: 'a', to: 'b' },
    ]);
    const [one, two] = [volume('a'), volume('b', '/more')];
    expect(between({ mounts: [one, two] }, { mounts: [two, one] })).toEqual([]);
  });

  test('as a whole is one change: a mount, a network or a limit that comes or goes', () => {
    expect(between({ mounts: [volume('a')] }, { mounts: [] })).toEqual([{ path: 'mounts./data', from: 'volume a' }]);
    expect(between({ networks: [] }, { networks: [attach('front')] })).toEqual([
      { path: 'networks.front', to: 'attached' },
    ]);
    expect(between({}, { ulimits: [{ name: 'nofile', soft: 10, hard: 20 }] })).toEqual([
      { path: 'ulimits.nofile', to: '10:20' },
    ]);
  });

  test('in the content of a config or secret is said without showing it or its checksum', () => {
    expect(between({ mounts: [file('a1')] }, { mounts: [file('b2')] })).toEqual([{ path: 'mounts./app.conf.content' }]);
    const moved = file('a1', { content: { sha256: 'a1', path: '/elsewhere' as never } });
    expect(between({ mounts: [file('a1')] }, { mounts: [moved] })).toEqual([]);
  });

  test('in a variable whose name sounds secret is said without its values', () => {
    const names = ['DB_PASSWORD', 'api_key', 'AWS_SECRET_ACCESS_KEY', 'GITHUB_TOKEN', 'PGPASS'];
    for (const name of names) {
      expect(between({ environment: { [name]: 'old' } }, { environment: { [name]: 'new' } })).toEqual([
        { path: `environment.${name}` },
      ]);
    }
    expect(between({ environment: { KEYBOARD: 'de' } }, { environment: { KEYBOARD: 'us' } })[0]?.to).toBe('us');
  });
});

test('configurations are equal exactly when nothing differs, whatever the order of keys', () => {
  const values = fc.record({
    environment: fc.dictionary(fc.constantFrom('A', 'B', 'C'), fc.constantFrom('1', '2')),
    argv: fc.array(fc.constantFrom('x', 'y'), { maxLength: 2 }),
    mounts: fc.subarray([volume('a'), volume('b', '/more'), file('a1')]),
    hostname: fc.option(fc.constantFrom('web', 'db'), { nil: undefined }),
  });
  fc.assert(
    fc.property(values, values, (one, other) => {
      const from = config(one as Partial<ContainerConfig>);
      const to = config(other as Partial<ContainerConfig>);
      const turned = Object.fromEntries(Object.entries(to).reverse()) as unknown as ContainerConfig;
      expect(differences(to, turned)).toEqual([]);
      expect(differences(from, to).map(({ path }) => path)).toEqual(differences(to, from).map(({ path }) => path));
      expect(differences(from, to).length === 0).toBe(canonical(from) === canonical(to));
    }),
    { numRuns: 500 },
  );
});
