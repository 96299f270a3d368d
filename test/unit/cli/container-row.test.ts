import { expect, test } from 'vitest';
import { dockerRow, psRow, psTitles, stateOf } from '../../../src/cli/container-row.ts';
import type { ContainerStatus } from '../../../src/model/state.ts';
import { containersOf, exited, observe, project, running } from '../../support/builders.ts';

const shown = (status: ContainerStatus, restarts: number) => {
  const [web] = containersOf({ name: 'web', config: { restart: { condition: 'always' } } });
  const container = observe(web!, { status, restarts });
  const text = psRow(container, { now: 2000, truncate: true })[psTitles.indexOf('STATUS')];
  expect(dockerRow(container, project, 2000)['Status']).toBe(text);
  return [stateOf(container), text];
};

test('a container whose next life is being set up restarts, and is never taken for one that has not run', () => {
  expect(shown({ kind: 'created' }, 0)).toEqual(['created', 'Created']);
  expect(shown(running, 0)).toEqual(['running', 'Up 1 second']);
  expect(shown(exited(1), 0)).toEqual(['restarting', 'Restarting (1) less than a second ago']);
  expect(shown({ ...exited(null), reboot: true } as never, 0)[1]).toBe('Exited (ended by reboot)');
  expect(shown({ kind: 'created', again: true }, 0)).toEqual(['restarting', 'Restarting']);
  expect(shown({ kind: 'created' }, 1)).toEqual(['restarting', 'Restarting']);
  expect(shown(running, 1)).toEqual(['running', 'Up 1 second']);
});
