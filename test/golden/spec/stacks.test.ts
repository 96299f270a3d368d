import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configYaml } from '../../../src/project/config-out.ts';
import { loadText } from '../../support/load.ts';
import { root } from '../../support/tree.ts';

/*
 * Stacks as people publish them: for one program or one purpose each, with the dialects, habits and superfluous lines of
 * their kind. None of them has a mistake, so none may be found.
 */
const folder = join(root, 'test/stacks');
const names = readdirSync(folder).filter((name) => name.endsWith('.yml'));

const environment = {
  DB_PASSWORD: 'pw',
  GITLAB_HOME: '/srv/gitlab',
  GRAFANA_ADMIN_PASSWORD: 'pw',
  HEALTHCHECK_INTERVAL: '30s',
  HEALTHCHECK_TIMEOUT: '1m30s',
  HEALTHCHECK_RETRIES: '10',
  KEYCLOAK_ADMIN_PASSWORD: 'pw',
  POSTGRES_DB: 'n8n',
  POSTGRES_USER: 'n8n',
  POSTGRES_NON_ROOT_PASSWORD: 'pw',
  ENCRYPTION_KEY: 'key',
  SENTRY_IMAGE: 'getsentry/sentry',
  UPLOAD_LOCATION: './library',
  WWWGROUP: '1000',
  WWWUSER: '1000',
};

const more = {
  '.env.production': 'LOCAL_DOMAIN=example.com\nSMTP_PASSWORD="a#b c"\nexport OTP_SECRET=\'x$y\' # kept\n',
  '.env.immich': 'TZ=Etc/UTC\n',
  'common.env': '# shared\n\nBROKER=amqp://rabbitmq\n',
  'nextcloud/db.env': 'MYSQL_PASSWORD=\nMYSQL_DATABASE=nextcloud\n',
  'db_password.txt': 'hush\n',
};

const load = (text: string) => loadText(text, { environment, more, runnable: false, profiles: ['*'] });

describe('a stack as they are published loads without a mistake:', () => {
  test('there are at least 25 of them', () => {
    expect(names.length).toBeGreaterThanOrEqual(25);
  });

  test.each(names.map((name) => basename(name, '.yml')))('%s', (name) => {
    const text = readFileSync(join(folder, `${name}.yml`), 'utf8');
    const { diagnostics, stack } = load(text);
    const complaints = diagnostics
      .filter(({ severity, code }) => severity === 'error' || (severity === 'warning' && code !== 'obsolete'))
      .map(({ severity, code, summary }) => `${severity}[${code}]: ${summary}`);
    expect(complaints).toEqual(expected[name] ?? []);
    const normal = configYaml(stack!);
    expect(configYaml(load(normal).stack!)).toBe(normal);
  });
});

/** What is worth a warning: settings of the file that cannot have here the effect that they ask for. */
const expected: { readonly [name: string]: readonly string[] } = {};
