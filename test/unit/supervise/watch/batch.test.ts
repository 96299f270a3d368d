import { describe, expect, it } from 'vitest';
import type { Hook, WatchRule } from '../../../../src/model/project.ts';
import type { GuestPath, HostPath, ServiceName } from '../../../../src/model/units.ts';
import { type Change, planner } from '../../../../src/supervise/watch/batch.ts';

const rule = (over: Partial<WatchRule>): WatchRule => ({
  path: '/src' as HostPath,
  action: 'sync',
  target: '/app' as GuestPath,
  ignore: [],
  include: [],
  initialSync: false,
  ...over,
});
const there = (path: string): Change => ({ path: path as HostPath, now: 'there' });
const gone = (path: string): Change => ({ path: path as HostPath, now: 'gone' });
const work = (rules: readonly WatchRule[], changes: readonly Change[]) =>
  planner([{ name: 'web' as ServiceName, rules }])(changes);

describe('a batch of changes', () => {
  it('maps files below the watched path to the target', () => {
    expect(work([rule({})], [there('/src/a/b.js'), gone('/src/c.js')])).toEqual([
      {
        service: 'web',
        sync: [
          { source: '/src/a/b.js', target: '/app/a/b.js', now: 'there' },
          { source: '/src/c.js', target: '/app/c.js', now: 'gone' },
        ],
        restart: false,
        rebuild: false,
        exec: [],
        causes: ['/src/a/b.js', '/src/c.js'],
      },
    ]);
  });

  it('keeps only the last state of a file that changed twice', () => {
    const [only] = work([rule({})], [there('/src/a'), gone('/src/a')]);
    expect(only?.sync).toEqual([{ source: '/src/a', target: '/app/a', now: 'gone' }]);
  });

  it('asks for nothing when every change is ignored, elsewhere, or an editor leaving', () => {
    const changes = [
      there('/src/x.log'),
      there('/srcs/a'),
      there('/src/.a.swp'),
      there('/src/4913'),
      there('/src/.git/HEAD'),
    ];
    expect(work([rule({ ignore: ['*.log'] })], changes)).toEqual([]);
  });

  it('counts only what include names', () => {
    const [only] = work([rule({ include: ['**/*.js'] })], [there('/src/a.css'), there('/src/a.js')]);
    expect(only?.causes).toEqual(['/src/a.js']);
  });

  it('restarts without a target, and lets a restart stand for the commands', () => {
    const hook: Hook = { argv: ['reload'], privileged: false, environment: {} };
    const { target: _, ...untargeted } = rule({ action: 'restart' });
    const [only] = work([untargeted, rule({ action: 'sync+exec', exec: hook })], [there('/src/a')]);
    expect(only).toMatchObject({ restart: true, exec: [], sync: [{ target: '/app/a' }] });
  });

  it('runs a command once for a batch', () => {
    const hook: Hook = { argv: ['reload'], privileged: false, environment: {} };
    const [only] = work([rule({ action: 'sync+exec', exec: hook })], [there('/src/a'), there('/src/b')]);
    expect(only?.exec).toEqual([hook]);
  });

  it('lets a rebuild stand for everything else', () => {
    const [only] = work(
      [rule({}), rule({ action: 'rebuild', path: '/src/package.json' as HostPath })],
      [there('/src/package.json')],
    );
    expect(only).toMatchObject({ rebuild: true, sync: [], restart: false });
  });

  it('syncs a watched file to exactly its target', () => {
    const [only] = work(
      [rule({ path: '/etc/x.conf' as HostPath, target: '/x.conf' as GuestPath })],
      [there('/etc/x.conf')],
    );
    expect(only?.sync).toEqual([{ source: '/etc/x.conf', target: '/x.conf', now: 'there' }]);
  });
});
