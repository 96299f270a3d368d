import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;

/**
 * The tools to compare with that are installed and work here, and why the others do not take part. Nothing is installed.
 * All of them run the same binary from the same directory, with the same limits and no network.
 */
export function others(options) {
  const candidates = [docker(options), podman(options)];
  return {
    present: candidates.filter((candidate) => candidate.absent === undefined),
    absent: candidates.map((candidate) => candidate.absent).filter((reason) => reason !== undefined),
  };
}

const limits = { cpus: 0.5, mem_limit: '128m', pids_limit: 100 };

/** A compose file for tools that want an image. */
function composeFile({ directory, containers }, image) {
  const service = { image, command: ['/bin/floor'], network_mode: 'none', stop_grace_period: '0s', ...limits };
  const services = Object.fromEntries(Array.from({ length: containers }, (_, i) => [`s${i + 1}`, service]));
  const path = join(directory, `${image}.json`);
  writeFileSync(path, JSON.stringify({ services }));
  return path;
}

function importImage(engine, directory, image) {
  const tar = join(directory, 'image.tar');
  spawnSync('tar', ['-C', join(directory, 'lower'), '-cf', tar, '.'], { stdio: 'inherit' });
  return works(engine, 'import', tar, image);
}

function docker(options) {
  const compose = works('docker', 'compose', 'version') ? ['docker', 'compose'] : ['docker-compose'];
  if (!works(...compose, 'version')) return { absent: 'docker compose is not installed' };
  if (!works('docker', 'info')) return { absent: 'docker compose is installed, but no Docker engine answers' };
  const image = 'tscompose-bench';
  if (!importImage('docker', options.directory, image)) return { absent: 'docker cannot import the test image' };
  const file = composeFile(options, image);
  const [command, ...first] = compose;
  const run = (timed, ...args) => timed(command, [...first, '-f', file, '-p', `${image}-${process.pid}`, ...args]);
  return {
    round: (timed) => ({
      'docker compose: up -d, cold': run(timed, 'up', '-d'),
      'docker compose: up -d, nothing to do': run(timed, 'up', '-d'),
      'docker compose: ps': run(timed, 'ps'),
      'docker compose: down': run(timed, 'down'),
    }),
    close: (timed) => timed('docker', ['image', 'rm', '-f', image]),
  };
}

function podman(options) {
  if (!works('podman', '--version')) return { absent: 'podman is not installed' };
  const image = 'tscompose-bench';
  if (!importImage('podman', options.directory, image))
    return { absent: 'podman is installed, but cannot import an image' };
  const names = Array.from({ length: options.containers }, (_, i) => `${image}-${process.pid}-${i + 1}`);
  const flags = ['--cpus=0.5', '--memory=128m', '--pids-limit=100', '--network=none', '--stop-timeout=0'];
  const up = (timed) =>
    names.reduce((ms, name) => ms + timed('podman', ['run', '-d', '--name', name, ...flags, image, '/bin/floor']), 0);
  // The program refuses an argument: exit code 2 means that it ran.
  const probe = spawnSync('podman', ['run', '--rm', ...flags, image, '/bin/floor', 'x'], { stdio: 'ignore' });
  if (probe.status !== 2) return { absent: 'podman is installed, but cannot run a container here' };
  return {
    round: (timed) => ({
      'podman run -d, one after the other': up(timed),
      'podman: ps': timed('podman', ['ps']),
      'podman rm -f': timed('podman', ['rm', '-f', ...names]),
    }),
    close: (timed) => timed('podman', ['image', 'rm', '-f', image]),
  };
}
