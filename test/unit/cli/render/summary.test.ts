import { describe, expect, it } from 'vitest';
import { painter } from '../../../../src/cli/render/color.ts';
import { upSummary } from '../../../../src/cli/render/summary.ts';
import type { PublishedPort } from '../../../../src/model/project.ts';
import { containersOf, observe, running } from '../../../support/builders.ts';

const port = (published: number, target: number, more: Partial<PublishedPort> = {}): PublishedPort => ({
  published: { first: published, last: published },
  target,
  protocol: 'tcp',
  ...more,
});
const summary = (ports: readonly PublishedPort[]) =>
  upSummary(
    containersOf({ name: 'web' }).map((container) => observe(container, { status: running, ports })),
    { tookMs: 640, paint: painter(false) },
  );

describe('the end of up', () => {
  it('tells how many run, after how long, and where to go', () => {
    expect(summary([port(8080, 80, { hostIp: '127.0.0.1' }), port(9000, 443)])).toBe(
      '1 container runs after 0.6s\n  http://127.0.0.1:8080   web, port 80\n  https://localhost:9000  web, port 443\n',
    );
  });

  it('makes no web address of what speaks something else', () => {
    expect(summary([port(5432, 5432), port(53, 53, { protocol: 'udp' })])).toContain('  localhost:5432 ');
    expect(summary([port(53, 53, { protocol: 'udp' })])).toContain('  localhost:53/udp ');
  });

  it('names a port once that is open on both families, and brackets an address of six groups', () => {
    const both = [port(80, 80, { hostIp: '0.0.0.0' }), port(80, 80, { hostIp: '::' })];
    expect(summary(both).match(/localhost:80/g)).toHaveLength(1);
    expect(summary([port(80, 80, { hostIp: '::1' })])).toContain('http://[::1]:80');
  });
});
