import { expect, test } from 'vitest';
import { unitText } from '../../../src/cli/unit.ts';
import type { Project } from '../../../src/model/project.ts';
import { config } from '../../support/builders.ts';

const project = {
  name: 'shop',
  directory: '/srv/100% shop',
  services: [
    { name: 'web', replicas: 2, config: config({ stopGraceMs: 10_000 as never }) },
    { name: 'old', replicas: 0, config: config({ stopGraceMs: 500_000 as never }) },
    { name: 'db', replicas: 1, config: config({ stopGraceMs: 1_500 as never }) },
  ],
} as unknown as Project;

test('a unit is notified, delegated, kills only its main process, and has time for every grace', () => {
  const text = unitText(project, {
    program: ['/usr/bin/node', '/usr/lib/tscompose/tscompose.cjs'],
    globals: ['-p', 'shop', '--project-directory', '/srv/100% shop', '-f', '/srv/$x/"a".yml'],
    services: [],
  });
  expect(text).toBe(`[Unit]
Description=shop, a stack of 3 services (tscompose)
Wants=network-online.target
After=network-online.target local-fs.target
RequiresMountsFor="/srv/100%% shop"

[Service]
Type=notify
ExecStart=/usr/bin/node /usr/lib/tscompose/tscompose.cjs -p shop --project-directory "/srv/100%% shop" -f "/srv/$$x/\\"a\\".yml" up --no-color --progress plain
WorkingDirectory=/srv/100%% shop
Delegate=yes
KillMode=process
TimeoutStartSec=infinity
TimeoutStopSec=42
Restart=on-failure
RestartSec=1
OOMPolicy=continue

[Install]
WantedBy=multi-user.target
`);
});
