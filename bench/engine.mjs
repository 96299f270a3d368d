import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

const has = (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

/**
 * A Docker engine of our own, in the network namespace that we are in, with all its state in `directory`; or why there is
 * none. Its one image has busybox and links to a /usr that is mounted from the host.
 */
export async function startEngine(directory) {
  if (!['dockerd', 'containerd', 'docker', 'docker-compose', 'busybox'].every(has))
    return { absent: 'docker, docker-compose or busybox is not installed' };
  const home = join(directory, 'engine');
  mkdirSync(home);
  const environment = { ...process.env, DOCKER_HOST: `unix://${home}/sock` };
  const places = ['--data-root', `${home}/data`, '--exec-root', `${home}/exec`, '--pidfile', `${home}/pid`];
  const daemon = spawn('dockerd', [...places, '-H', environment.DOCKER_HOST], { stdio: 'ignore' });
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  const docker = (...args) => spawnSync('docker', args, { env: environment, encoding: 'utf8' });
  const stop = async () => {
    daemon.kill('SIGTERM');
    await ended;
  };
  for (let i = 0; i < 100 && docker('version').status !== 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 100));
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
  return {
    image: 'bench',
    docker,
    compose: { command: 'docker-compose', env: environment },
    stop,
  };
}
