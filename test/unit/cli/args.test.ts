import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../../src/cli/args.ts';

function run(line: string) {
  const parsed = parseArguments(line === '' ? [] : line.split(' '));
  if (!parsed.ok) throw new Error(`${parsed.error.message}; ${parsed.error.hint}`);
  if (parsed.value.kind !== 'run') throw new Error(`not a run: ${parsed.value.kind}`);
  return parsed.value.invocation;
}

function refused(line: string) {
  const parsed = parseArguments(line === '' ? [] : line.split(' '));
  if (parsed.ok) throw new Error(`accepted: ${JSON.stringify(parsed.value)}`);
  return parsed.error;
}

describe('what is understood', () => {
  test('global flags may stand before and after the command, and lists are joined in order', () => {
    const { globals, args } = run('-f a.yml -p shop up -f b.yml --profile dev web db');
    expect(globals.file).toEqual(['a.yml', 'b.yml']);
    expect([globals['project-name'], globals.profile, args]).toEqual(['shop', ['dev'], ['web', 'db']]);
  });

  test('the last value of a flag wins', () => {
    expect(run('-p one up -p two').globals['project-name']).toBe('two');
  });

  test("a command's own letter hides the global one: logs -f follows", () => {
    const invocation = run('-f stack.yml logs -f web');
    expect(invocation.globals.file).toEqual(['stack.yml']);
    expect(invocation.flags).toMatchObject({ follow: true });
    expect(run('logs --file x.yml').globals.file).toEqual(['x.yml']);
  });

  test('letters can be joined, and a value can hang on its letter', () => {
    expect(run('up -dt5').flags).toMatchObject({ detach: true, timeout: 5 });
    expect(run('logs -ftn20').flags).toMatchObject({ follow: true, timestamps: true, tail: 20 });
  });

  test('- is a value: the stack file from standard input', () => {
    expect(run('-f - up').globals.file).toEqual(['-']);
  });

  test('flags that were not given are false, empty or undefined', () => {
    expect(run('up').flags).toMatchObject({ detach: false, timeout: undefined });
    expect(run('up').globals).toMatchObject({ file: [], json: false, progress: undefined });
  });

  test('words after the service of exec belong to the command, flags and all', () => {
    const invocation = run('exec -u 1000 web ls -l --help -f -- x');
    expect(invocation.flags).toMatchObject({ user: '1000', env: [] });
    expect(invocation.args).toEqual(['web', 'ls', '-l', '--help', '-f', '--', 'x']);
  });

  test('-- between service and command of exec is a separator', () => {
    expect(run('exec web -- ls -- x').args).toEqual(['web', 'ls', '--', 'x']);
  });

  test('-- ends the flags of other commands', () => {
    expect(run('up -- -odd-name').args).toEqual(['-odd-name']);
  });

  test('the tail of logs is a number or all', () => {
    expect([run('logs --tail 0').flags, run('logs -n all').flags]).toMatchObject([{ tail: 0 }, { tail: 'all' }]);
  });

  test('help and version win over anything else that is wrong with the line', () => {
    expect(parseArguments(['--help'])).toMatchObject({ ok: true, value: { kind: 'help' } });
    expect(parseArguments(['up', '-h', 'x'])).toMatchObject({ value: { kind: 'help', command: { name: 'up' } } });
    expect(parseArguments(['-h', 'exec'])).toMatchObject({ value: { kind: 'help', command: { name: 'exec' } } });
    expect(parseArguments(['help', 'logs'])).toMatchObject({ value: { kind: 'help', command: { name: 'logs' } } });
    expect(parseArguments(['--version'])).toMatchObject({ value: { kind: 'version' } });
  });
});

describe('what is refused', () => {
  test('nothing at all', () => {
    expect(refused('')).toEqual({ message: 'no command given' });
  });

  test('an unknown command, with the one that was meant', () => {
    expect(refused('pu')).toMatchObject({ message: 'unknown command "pu"', hint: 'did you mean "up"?' });
    expect(refused('banana')).toMatchObject({ message: 'unknown command "banana"' });
    expect(refused('help lgos')).toMatchObject({ hint: 'did you mean "logs"?' });
  });

  test('an unknown flag, with the one that was meant and the command whose help tells more', () => {
    expect(refused('up --detahc')).toMatchObject({
      message: 'unknown flag --detahc',
      hint: 'did you mean --detach?',
      command: 'up',
    });
    expect(refused('up -x')).toMatchObject({ message: 'unknown flag -x', command: 'up' });
    expect(refused('up --d')).toMatchObject({ message: 'unknown flag --d' });
  });

  test('a flag without its value', () => {
    expect(refused('-f')).toEqual({ message: '-f needs a value: FILE' });
    expect(refused('up -f -d')).toMatchObject({ message: '-f needs a value: FILE' });
    expect(refused('up --timeout')).toMatchObject({ message: '--timeout needs a value: SECONDS' });
  });

  test('a value for a switch', () => {
    expect(refused('up --detach=yes')).toMatchObject({ message: '--detach takes no value' });
  });

  test('values of the wrong kind', () => {
    expect(refused('up -t soon')).toMatchObject({ message: '-t needs a whole number of seconds, not "soon"' });
    expect(refused('logs --tail=-1')).toMatchObject({ message: '--tail needs a whole number or "all", not "-1"' });
    expect(refused('up -t 99999999999999999999')).toMatchObject({ command: 'up' });
    expect(refused('up --progress fancy')).toMatchObject({
      message: '--progress cannot be "fancy"',
      hint: 'it is one of auto, tty, plain, json, quiet',
    });
  });

  // The rules of docker compose, but for those that its builds have.
  test.each<readonly [string, string]>([
    ['force-recreate', 'no-recreate'],
    ['always-recreate-deps', 'no-recreate'],
    ['renew-anon-volumes', 'no-recreate'],
    ['build', 'no-build'],
    ['attach=web', 'attach-dependencies'],
    ['abort-on-container-exit', 'abort-on-container-failure'],
    ...['detach', 'wait'].flatMap((flag) =>
      ['attach=web', 'attach-dependencies', 'abort-on-container-exit', 'abort-on-container-failure'].map(
        (other) => [flag, other] as const,
      ),
    ),
  ])('--%s and --%s contradict each other', (one, other) => {
    const names = [one, other].map((flag) => `--${flag.replace('=web', '')}`);
    expect(refused(`up --${one} --${other}`)).toMatchObject({
      message: `${names[0]} and ${names[1]} contradict each other`,
    });
  });

  test('too few and too many arguments', () => {
    expect(refused('exec web')).toMatchObject({ message: 'exec needs COMMAND: the command and its arguments' });
    expect(refused('version now')).toMatchObject({ message: 'unexpected argument "now"' });
  });
});
