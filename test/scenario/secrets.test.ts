import { chmodSync, readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { running } from '../support/checks.ts';
import { eventually } from '../support/eventually.ts';
import { scenario } from '../support/scenario.ts';

const stack = `services:
  web:
    rootfs: { host: [sh, cat, stat, sleep] }
    read_only: true
    command: [sh, -c, 'cat /app.conf /run/secrets/*; stat -c "%n %a %u:%g" /app.conf /run/secrets/*; exec sleep 600']
    configs: [{ source: conf, target: /app.conf, mode: 0440, uid: "5", gid: "6" }]
    secrets: [password, { source: token, target: api, mode: "0400" }]
configs: { conf: { content: "level=\${LEVEL:-1}\\n" } }
secrets: { password: { file: ./password }, token: { environment: TOKEN } }
`;

describe('configs and secrets', () => {
  scenario('are files with the owner and mode that they ask for, in a read-only root as well', [], async (rig) => {
    rig.write('stack.yml', stack);
    rig.write('password', 'hush\n');
    chmodSync(rig.path('password'), 0o600);
    rig.environment = { TOKEN: 'tok\n' };
    await rig.ok(['up', '-d']);
    await eventually(async () => {
      const { stdout } = await rig.ok(['logs', '--no-log-prefix', 'web']);
      expect(stdout.split('\n').filter((line) => line !== '')).toEqual([
        'level=1',
        'tok',
        'hush',
        '/app.conf 440 5:6',
        '/run/secrets/api 400 0:0',
        '/run/secrets/password 444 0:0',
      ]);
    });
    const plan = await rig.ok(['plan']);
    expect(plan.stdout).toBe('nothing to do\n');
    rig.write('password', 'other\n');
    const changed = await rig.ok(['plan']);
    expect(changed.stdout).toContain(' mounts./run/secrets/password.content changed, stack.yml:7:15\n');
    expect(changed.stdout).not.toMatch(/hush|other/);
  });

  scenario('of megabytes inside the stack file are as whole, and no monitor keeps them in memory', [], async (rig) => {
    const line = '"'.repeat(1000);
    const content = `${Array.from({ length: 2600 }, () => `      ${line}`).join('\n')}\n`;
    const service = 'rootfs: { host: [sh, wc, sleep] }\n    configs: [{ source: big, target: /big }]';
    const command = `command: [sh, -c, 'wc -c < /big; exec sleep 600']\n    stop_grace_period: 0s`;
    rig.write(
      'stack.yml',
      `services:\n  web:\n    ${service}\n    ${command}\nconfigs:\n  big:\n    content: |\n${content}`,
    );
    await rig.ok(['up', '-d']);
    await eventually(async () => {
      expect((await rig.ok(['logs', '--no-log-prefix', 'web'])).stdout.trim()).toBe(String(2600 * 1001));
    });
    const { pid } = await running(rig, 'web');
    const monitor = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    const rollup = readFileSync(`/proc/${monitor}/smaps_rollup`, 'latin1');
    expect(Number(/^Pss: +(\d+) kB$/m.exec(rollup)?.[1])).toBeLessThan(300);
    await rig.ok(['restart', 'web']);
    await rig.ok(['down']);
  });

  scenario('that lack their variable are an error of up, and no obstacle to ps and down', [], async (rig) => {
    rig.write('stack.yml', stack);
    rig.write('password', 'hush\n');
    await rig.ok(['up', '-d'], { env: { TOKEN: 'tok\n' } });
    const up = await rig.cli(['up', '-d']);
    expect(up).toMatchObject({ code: 3, stderr: expect.stringContaining('secret "token" is in variable TOKEN') });
    expect((await rig.ok(['ps', '-q'])).stdout).toContain('-web-1');
    await rig.ok(['down']);
    expect((await rig.ok(['ps', '-aq'])).stdout).toBe('');
  });
});
