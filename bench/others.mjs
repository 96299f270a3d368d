import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startDaemon, withoutNetwork } from './engine.mjs';

const output = (command, ...args) => spawnSync(command, args, { encoding: 'utf8' }).stdout.trim();
const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;

/**
 * The tools to compare with that are installed and work here, and why the others do not take part. Nothing is installed.
 * All of them run the same binary from the same directory, with the same limits and no network, and have storage of their
 * own below the bench's directory.
 */
export async function others(options) {
  const candidates = [await docker(options), podman(options)];
  return {
    present: candidates.filter((candidate) => candidate.absent === undefined),
    absent: candidates.map((candidate) => candidate.absent).filter((reason) => reason !== undefined),
  };
}

const image = 'tscompose-bench';
const limits = { cpus: 0.5, mem_limit: '128m', pids_limit: 100 };

function imageTar(directory) {
  const tar = join(directory, 'image.tar');
  spawnSync('tar', ['-C', join(directory, 'lower'), '-cf', tar, '.'], { stdio: 'inherit' });
  return tar;
}

/** A compose file for tools that want an image. */
function composeFile({ directory, containers }) {
  const service = { image, command: ['/bin/floor'], network_mode: 'none', stop_grace_period: '0s', ...limits };
  const services = Object.fromEntries(Array.from({ length: containers }, (_, i) => [`s${i + 1}`, service]));
  const path = join(directory, `${image}.json`);
  writeFileSync(path, JSON.stringify({ services }));
  return path;
}

/** An engine of our own: the user's, if there is one, is left alone. It has been running for a while when it is measured. */
async function docker(options) {
  const engine = await startDaemon(options.directory, withoutNetwork);
  if (engine.absent !== undefined) return engine;
  const imported = engine.docker('import', imageTar(options.directory), image);
  if (imported.status !== 0) {
    await engine.stop();
    return { absent: `docker is installed, but its engine does not work here: ${imported.stderr.trim()}` };
  }
  const file = composeFile(options);
  const { command, env } = engine.compose;
  const run = (timed, ...args) => timed(command, ['-f', file, '-p', `${image}-${process.pid}`, ...args], { env });
  return {
    version: `docker-compose ${output(command, 'version', '--short')}, ${output('dockerd', '--version')}`,
    round: (timed) => ({
      'docker compose: up -d, cold': run(timed, 'up', '-d'),
      'docker compose: up -d, nothing to do': run(timed, 'up', '-d'),
      'docker compose: ps': run(timed, 'ps'),
      'docker compose: down': run(timed, 'down', '-t', '0'),
    }),
    close: engine.stop,
  };
}

function podman({ directory, containers }) {
  if (!works('podman', '--version')) return { absent: 'podman is not installed' };
  const home = join(directory, 'podman');
  mkdirSync(home);
  const global = ['--root', `${home}/root`, '--runroot', `${home}/run`, '--cgroup-manager=cgroupfs', '--runtime=runc'];
  if (!works('podman', ...global, 'import', imageTar(directory), image))
    return { absent: 'podman is installed, but cannot import an image' };
  const names = Array.from({ length: containers }, (_, i) => `${image}-${process.pid}-${i + 1}`);
  // Its own limits on open files and processes are above what this machine may allow.
  const ulimits = ['--ulimit=nofile=1024:1024', '--ulimit=nproc=4096:4096'];
  const flags = ['--cpus=0.5', '--memory=128m', '--pids-limit=100', '--network=none', '--stop-timeout=0', ...ulimits];
  const up = (timed) =>
    names.reduce(
      (ms, name) => ms + timed('podman', [...global, 'run', '-d', '--name', name, ...flags, image, '/bin/floor']),
      0,
    );
  // The program refuses an argument: exit code 2 means that it ran.
  const probe = spawnSync('podman', [...global, 'run', '--rm', ...flags, image, '/bin/floor', 'x'], {
    encoding: 'utf8',
  });
  if (probe.status !== 2)
    return { absent: `podman is installed, but cannot run a container here: ${probe.stderr.trim()}` };
  return {
    version: output('podman', '--version'),
    round: (timed) => ({
      'podman run -d, one after the other': up(timed),
      'podman: ps': timed('podman', [...global, 'ps']),
      'podman rm -f': timed('podman', [...global, 'rm', '-f', ...names]),
    }),
    // What it has mounted would keep the directory from going.
    close: () => spawnSync('podman', [...global, 'system', 'reset', '-f'], { stdio: 'ignore', timeout: 60_000 }),
  };
}
