import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/** What makes an engine leave the host's network as it is. */
export const withoutNetwork = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'];

/** A Docker engine of our own without an image, with all its state in `directory`; or why there is none. */
export async function startDaemon(directory, flags = []) {
  if (!['dockerd', 'containerd', 'docker', 'docker-compose'].every(has))
    return { absent: 'docker or docker-compose is not installed' };
  const home = join(directory, 'engine');
  mkdirSync(home);
  const environment = { ...process.env, DOCKER_HOST: `unix://${home}/sock` };
  const places = ['--data-root', `${home}/data`, '--exec-root', `${home}/exec`, '--pidfile', `${home}/pid`];
  const daemon = spawn('dockerd', [...places, '-H', environment.DOCKER_HOST, ...flags], { stdio: 'ignore' });
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  const docker = (...args) => spawnSync('docker', args, { env: environment, encoding: 'utf8' });
  const stop = async () => {
    daemon.kill('SIGTERM');
    await ended;
  };
  for (let i = 0; i < 100 && docker('version').status !== 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  return { home, docker, compose: { command: 'docker-compose', env: environment }, stop };
}

/**
 * A Docker engine of our own, in the network namespace that we are in; or why there is none. Its one image has busybox and
 * links to a /usr that is mounted from the host.
 */
export async function startEngine(directory) {
  if (!has('busybox')) return { absent: 'busybox is not installed' };
  const engine = await startDaemon(directory);
  if (engine.absent !== undefined) return engine;
  const { home, docker, stop } = engine;
  const image = join(home, 'image');
  for (const folder of ['bin', 'etc', 'tmp', 'usr']) mkdirSync(join(image, folder), { recursive: true });
  for (const folder of ['lib', 'lib64'])
    if (existsSync(`/${folder}`)) symlinkSync(`usr/${folder}`, join(image, folder));
  copyFileSync(
    execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim(),
    join(image, 'bin/busybox'),
  );
  execFileSync('tar', ['-C', image, '-cf', join(home, 'image.tar'), '.']);
  if (docker('import', join(home, 'image.tar'), 'bench').status !== 0) {
    await stop();
    return { absent: 'docker is installed, but its engine does not work here' };
  }
  return { ...engine, image: 'bench' };
}
