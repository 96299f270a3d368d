import type { CommandName } from '../table.ts';
import { attachCommand } from './attach.ts';
import { completeCommand } from './complete.ts';
import { completion } from './completion.ts';
import { config } from './config.ts';
import { cp } from './cp.ts';
import { create } from './create.ts';
import { diff } from './diff.ts';
import { doctor } from './doctor.ts';
import { down } from './down.ts';
import { events } from './events.ts';
import { exec } from './exec.ts';
import { exportCommand } from './export.ts';
import { images } from './images.ts';
import { init } from './init.ts';
import { installUnit } from './install-unit.ts';
import { kill } from './kill.ts';
import { limits } from './limits.ts';
import { logs } from './logs.ts';
import { ls } from './ls.ts';
import { pause, unpause } from './pause.ts';
import { plan } from './plan.ts';
import { port } from './port.ts';
import { ps } from './ps.ts';
import { restart } from './restart.ts';
import { rm } from './rm.ts';
import { run } from './run.ts';
import type { Runner } from './runner.ts';
import { scale } from './scale.ts';
import { start } from './start.ts';
import { stats } from './stats.ts';
import { stop } from './stop.ts';
import { supervise } from './supervise.ts';
import { top } from './top.ts';
import { up } from './up.ts';
import { versionCommand } from './version.ts';
import { volumes } from './volumes.ts';
import { wait } from './wait.ts';
import { watch } from './watch.ts';
import { why } from './why.ts';

/** Every command of the table but `help`, which is answered without a context. */
export const runners: { readonly [N in Exclude<CommandName, 'help'>]: Runner<N> } = {
  __complete: completeCommand,
  attach: attachCommand,
  completion,
  config,
  cp,
  create,
  diff,
  doctor,
  down,
  events,
  exec,
  export: exportCommand,
  init,
  'install-unit': installUnit,
  images,
  kill,
  limits,
  logs,
  ls,
  pause,
  plan,
  port,
  ps,
  restart,
  rm,
  run,
  scale,
  start,
  stats,
  stop,
  supervise,
  top,
  unpause,
  up,
  version: versionCommand,
  volumes,
  wait,
  why,
  watch,
};
