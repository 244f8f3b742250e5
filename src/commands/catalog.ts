/** Every command, in the order in which help lists them. */
import { alloc } from './alloc.ts';
import { breakCommand, removeBreak, resume } from './break.ts';
import { check } from './check.ts';
import { close } from './close.ts';
import type { Command } from './command.ts';
import { commit } from './commit.ts';
import { completion } from './completion.ts';
import { convert } from './convert.ts';
import { convertInPlace } from './convert-inplace.ts';
import { copy } from './copy.ts';
import { copyHeader } from './copy-header.ts';
import { crash } from './crash.ts';
import { diff } from './diff.ts';
import { discard } from './discard.ts';
import { explain } from './explain.ts';
import { exportCommand } from './export.ts';
import { find } from './find.ts';
import { finish } from './finish.ts';
import { flush } from './flush.ts';
import { back, follow, forward } from './follow.ts';
import { fork, forks, switchFork } from './fork.ts';
import { fuzz } from './fuzz.ts';
import { getopts } from './getopts.ts';
import { goTo } from './goto.ts';
import { helpCommand } from './help.ts';
import { info } from './info.ts';
import { length } from './length.ts';
import { answer, lessonCommand, tourCommand } from './lesson.ts';
import { log } from './log.ts';
import { map } from './map.ts';
import { next } from './next.ts';
import { open } from './open.ts';
import { openTarget } from './open-target.ts';
import { plan } from './plan.ts';
import { print } from './print.ts';
import { quit } from './quit.ts';
import { read } from './read.ts';
import { recover } from './recover.ts';
import { redo } from './redo.ts';
import { reopen } from './reopen.ts';
import { repair } from './repair.ts';
import { rescue } from './rescue.ts';
import { rollback } from './rollback.ts';
import { save } from './save.ts';
import { set } from './set.ts';
import { setmap } from './setmap.ts';
import { simulate } from './simulate.ts';
import { source } from './source.ts';
import { status } from './status.ts';
import { step } from './step.ts';
import { steps } from './steps.ts';
import { truncate } from './truncate.ts';
import { undo } from './undo.ts';
import { until } from './until.ts';
import { whois } from './whois.ts';
import { write } from './write.ts';
import { x } from './x.ts';

export const CATALOG: readonly Command[] = [
  open,
  close,
  reopen,
  info,
  status,
  length,
  map,
  alloc,
  check,
  repair,
  simulate,
  explain,
  whois,
  print,
  x,
  follow,
  back,
  forward,
  find,
  set,
  fuzz,
  copy,
  rescue,
  exportCommand,
  read,
  write,
  truncate,
  flush,
  breakCommand,
  removeBreak,
  resume,
  convertInPlace,
  getopts,
  openTarget,
  setmap,
  copyHeader,
  convert,
  step,
  next,
  until,
  finish,
  plan,
  crash,
  steps,
  diff,
  undo,
  redo,
  goTo,
  fork,
  switchFork,
  forks,
  discard,
  commit,
  save,
  source,
  log,
  rollback,
  recover,
  helpCommand(() => CATALOG),
  tourCommand(() => CATALOG),
  lessonCommand(() => CATALOG),
  answer,
  completion,
  quit,
];
