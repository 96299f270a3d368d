import { join } from 'node:path';
import type { ContainerName, HostPath, ProjectName } from '../../model/units.ts';
import type { HostEnvironment } from './options.ts';

/**
 * Every directory of ours. `run` is gone after a boot, `lib` stays. TSCOMPOSE_ROOT puts both below another directory, so
 * that tests never meet a real stack.
 */
export type Paths = {
  readonly run: string;
  readonly lib: string;
  /** Root filesystems, content-addressed, shared by all projects. */
  readonly store: HostPath;
  readonly volumes: HostPath;
};

export type ProjectPaths = {
  readonly run: string;
  readonly lib: string;
  /** Held by whoever changes the project. Outside of `run`, so that it can go while somebody waits for the lock. */
  readonly lock: string;
  /** Held by the project's supervisor. Beside `run` too: in it, every name belongs to a container. */
  readonly supervisorLock: string;
  /** The process that hears of the death of a monitor: its lock, and its socket. */
  readonly keeper: { readonly lock: string; readonly socket: string };
  /** What happened: one line of JSON an event. Gone with the last container. */
  readonly events: string;
  /** The stack files that the project was last made from. */
  readonly files: string;
  /** What a supervisor says before it dies of something that should not happen. */
  readonly diary: string;
  /** Held by whoever watches files for the project. */
  readonly watchLock: string;
  /** What watch mode in the background has to say. */
  readonly watchLog: string;
  /** A folder for each container. */
  readonly containers: string;
  readonly networks: string;
};

export type ContainerPaths = {
  /** lock, ctl.sock, exit, and the files bound into the container. */
  readonly state: string;
  readonly controlSocket: string;
  /** Until when a container gets that is being stopped without the help of its monitor; see `stopOther`. */
  readonly stopBy: string;
  /** What is bound over /etc/hosts and its like. */
  readonly files: string;
  /** record.json, state, upper, work and log; survives a boot. */
  readonly lib: string;
  readonly record: string;
  /** What its monitor knows of it, how it ended above all; holds a boot id, so that it can be told from history. */
  readonly stateRecord: string;
  readonly upper: string;
  readonly work: string;
  readonly log: string;
  /** Which hooks of its last life have been run. */
  readonly hooks: string;
  /** How the command of a one-off ended, as whoever was attached has seen it. */
  readonly ended: string;
};

export function hostPaths(environment: HostEnvironment): Paths {
  const root = environment['TSCOMPOSE_ROOT'] ?? '/';
  const lib = join(root, 'var/lib/tscompose');
  return {
    run: join(root, 'run/tscompose'),
    lib,
    store: `${lib}/store` as HostPath,
    volumes: `${lib}/volumes` as HostPath,
  };
}

export function projectPaths(paths: Paths, project: ProjectName): ProjectPaths {
  const run = `${paths.run}/${project}`;
  const lib = `${paths.lib}/projects/${project}`;
  return {
    run,
    lib,
    lock: `${run}.lock`,
    supervisorLock: `${run}.supervisor.lock`,
    keeper: { lock: `${run}.keeper.lock`, socket: `${run}.keeper.sock` },
    events: `${lib}/events`,
    files: `${lib}/files.json`,
    diary: `${lib}/supervisor.err`,
    watchLock: `${run}.watch.lock`,
    watchLog: `${run}.watch.log`,
    containers: `${lib}/containers`,
    networks: `${lib}/networks`,
  };
}

export function containerPaths(paths: ProjectPaths, container: ContainerName): ContainerPaths {
  const state = `${paths.run}/${container}`;
  const lib = `${paths.containers}/${container}`;
  return {
    state,
    controlSocket: `${state}/ctl.sock`,
    stopBy: `${state}/stop-by`,
    files: state,
    lib,
    record: `${lib}/record.json`,
    stateRecord: `${lib}/state`,
    upper: `${lib}/upper`,
    work: `${lib}/work`,
    log: `${lib}/log`,
    hooks: `${lib}/hooks.json`,
    ended: `${lib}/ended.json`,
  };
}
