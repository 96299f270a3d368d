import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

function attempt(read, otherwise) {
  try {
    return read();
  } catch {
    return otherwise;
  }
}

/** The first matching number of kilobytes in smaps_rollup(5). */
const pssOf = (pid) =>
  Number(attempt(() => /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1], '0') ?? '0');

function isOurs(pid, project) {
  const command = attempt(() => readlinkSync(`/proc/${pid}/exe`), '');
  // The command of the services is not overhead: what the user asked to run weighs what it weighs.
  if (command.endsWith('/bin/floor')) return false;
  const inCgroup = attempt(() => readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(project), false);
  const fds = attempt(() => readdirSync(`/proc/${pid}/fd`), []);
  return inCgroup || fds.some((fd) => attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`).includes(project), false));
}

/**
 * How many processes of tscompose live because of a project (monitors, inits, supervisors), and their proportional set size
 * together, in kB.
 */
export function bytesResident(project) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const ours = pids.filter((pid) => isOurs(pid, project));
  return { processes: ours.length, pssKb: ours.reduce((sum, pid) => sum + pssOf(pid), 0) };
}
