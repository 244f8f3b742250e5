/** `fork`, `switch`, `forks`: what-if branches of the steps. */
import type { Fork } from '../session/forks.ts';
import { imageCommand } from './command.ts';
import { movedView, steps } from './moves.ts';
import { flag, forkName } from './params.ts';
import { message } from './view.ts';

export const fork = imageCommand({
  name: 'fork',
  group: 'session',
  place: 'steps',
  summary: 'Try something on a branch of its own, from here',
  details:
    'The new fork begins with the steps applied now, and what you do next is on it alone; `switch main` goes back to ' +
    'where you were. The first one is called main. `commit` writes the fork you are on. With --drop, NAME is forgotten ' +
    'instead, and the memory that only its steps held is free again.',
  params: { name: forkName('NAME', 'a letter, then letters, digits, - and _') },
  flags: { drop: flag('forget the fork NAME and the steps that are on no other') },
  examples: [
    { line: 'open-target qed; fork by-hand; setmap 0 0x5000 16k; switch main', image: 'start.qcow2' },
    { line: 'fork idea; switch main; fork --drop idea', image: 'start.qcow2' },
  ],
  run(session, { name, drop }) {
    if (drop) {
      session.dropFork(name);
      return message(`fork ${name} is forgotten`, { dropped: name });
    }
    const from = session.forks.find((known) => known.isCurrent) as Fork;
    session.fork(name);
    const text = `fork ${name}, from ${placeText(from.name, from.applied)}: you are on it now`;
    return message(text, { fork: name, from: from.name, step: from.applied });
  },
});

export const switchFork = imageCommand({
  name: 'switch',
  group: 'session',
  place: 'steps',
  summary: 'Go to another fork, to where you left it',
  params: { name: forkName('NAME', 'the fork, as `forks` lists it') },
  flags: {},
  examples: [{ line: 'open-target qed; fork by-hand; setmap 0 0x5000 16k; switch main', image: 'start.qcow2' }],
  run(session, { name }) {
    if (session.forks.some((known) => known.isCurrent && known.name === name)) {
      return message(`you are on ${name} already`, { fork: name, undone: [], redone: [] });
    }
    const moved = session.switchTo(name);
    return movedView(moved, [`on ${name}, ${moved.at === 0 ? 'no step applied' : `${steps(moved.at)} applied`}`], {
      fork: name,
    });
  },
});

export const forks = imageCommand({
  name: 'forks',
  group: 'session',
  place: 'steps',
  summary: 'List the forks of the steps',
  params: {},
  flags: {},
  examples: [{ line: 'open-target qed; fork by-hand; setmap 0 0x5000 16k; forks', image: 'start.qcow2' }],
  run(session) {
    return {
      kind: 'table',
      columns: [
        { key: 'current', label: ' ' },
        { key: 'name', label: 'Fork' },
        { key: 'steps', label: 'Steps', align: 'right' },
        { key: 'undone', label: 'Undone', align: 'right' },
        { key: 'from', label: 'From' },
      ],
      rows: session.forks.map(({ name, isCurrent, applied, undone, from }) => [
        isCurrent ? '*' : '',
        name,
        applied,
        undone,
        from ? placeText(from.name, from.step) : 'the image on disk',
      ]),
      empty: '',
    };
  },
});

function placeText(name: string, step: number): string {
  return step === 0 ? 'the image on disk' : `step ${step} of ${name}`;
}
