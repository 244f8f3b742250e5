/** `simulate qemu-repair`: what real qemu-img would do to the image, as a step that can be taken back. */
import { hex, sizeText } from '../bytes/size.ts';
import { ImageError } from '../errors.ts';
import { type FreedRun, type LostRun, type Simulated, simulateRepair } from '../session/simulate.ts';
import { imageCommand } from './command.ts';
import { oneOf, optional, type Param } from './params.ts';
import { changesBelow } from './repair-text.ts';
import { refuseTarget } from './set.ts';
import { message, type PartsView, type View } from './view.ts';

const extent: Param<'leaks' | 'all'> = oneOf(
  'leaks|all',
  ['leaks', 'all'],
  'what qemu-img is to repair: all when left out',
);

export const simulate = imageCommand({
  name: 'simulate',
  group: 'inspect',
  place: 'steps',
  summary: 'Do to the image what another program would do to it, as a step',
  details:
    '`simulate qemu-repair`: runs `qemu-img check -r all` (or leaks) on a private copy of the image as it is now, and stages ' +
    'what that changed as a step, so that `diff` names it and `undo` takes it back. Says which guest data would lose its ' +
    'place and which bytes of the file would be free to be overwritten. The file itself is only read. Needs qemu-img; what ' +
    'Platter would do instead is shown by `repair`.',
  params: {
    program: oneOf('PROGRAM', ['qemu-repair'], 'whose doing'),
    what: optional<'leaks' | 'all', 'leaks' | 'all'>(extent, 'all'),
  },
  flags: {},
  examples: [
    { line: 'simulate qemu-repair leaks', image: 'corrupt/leaked.qcow2' },
    { line: 'simulate qemu-repair; diff 1; undo', image: 'corrupt/referenced-but-free.qcow2' },
  ],
  *run(session, { what }, line) {
    refuseTarget(session, 'simulate');
    if (!session.image.check) {
      const kind = session.image.format;
      throw new ImageError({ code: 'nothing-to-check', what: `an image of format ${kind} has nothing to repair` });
    }
    const before = session.steps.filter(({ applied }) => applied).length;
    const simulated = yield* simulateRepair(session, line, what);
    const parts: PartsView['parts'][number][] = [
      { key: 'qemu', title: `qemu-img check -r ${what}`, view: said(simulated) },
    ];
    if (!simulated.isStaged) {
      parts.push({ key: 'changes', view: message('It changes nothing: nothing is staged.', { changes: [] }) });
      return { kind: 'parts', parts };
    }
    parts.push({ key: 'lost', title: 'What would be lost', view: lossView(simulated) });
    parts.push({ key: 'changes', title: 'What would change', view: yield* changesBelow(session, before, []) });
    return { kind: 'parts', parts };
  },
});

function said({ ran }: Simulated): View {
  const shown = ran.lines.slice(0, 20);
  const more = ran.lines.length > shown.length ? [`… and ${ran.lines.length - shown.length} more lines`] : [];
  return message([...shown, ...more, `exit status ${ran.status}`].join('\n'), { status: ran.status, lines: ran.lines });
}

function lossView({ lost, freed }: Simulated): View {
  const bytes = (runs: readonly { readonly length: number }[]): number =>
    runs.reduce((sum, run) => sum + run.length, 0);
  const data = freed.reduce((sum, run) => sum + run.data, 0);
  const isErased = freed.length > 0 && freed.every((run) => run.isErased);
  const erased = isErased ? ', and they are overwritten with zeros at once' : ', and can be overwritten then';
  const lines = [
    lost.length === 0
      ? 'Guest data: all of it stays where it is.'
      : `Guest data: ${sizeText(bytes(lost))} would lose its place.`,
    ...lost.slice(0, 20).map(lostLine),
    ...(lost.length > 20 ? [`  … and ${lost.length - 20} more runs`] : []),
    freed.length === 0
      ? 'Leaked space: nothing is freed that holds more than zeros.'
      : `Leaked space: ${sizeText(bytes(freed))} would be freed that hold ${data} bytes other than zero${erased}.`,
    ...freed.slice(0, 20).map(freedLine),
    ...(freed.length > 20 ? [`  … and ${freed.length - 20} more runs`] : []),
    ...(freed.length > 0 ? ['Try: undo, then repair, which keeps them; rescue may find what they belonged to'] : []),
  ];
  return message(lines.join('\n'), {
    'lost-bytes': bytes(lost),
    lost,
    'freed-bytes': bytes(freed),
    'freed-data': data,
    freed,
  });
}

function lostLine({ guest, length, data, kind }: LostRun): string {
  const held = data === undefined ? kind : `${data} bytes other than zero`;
  return `  guest ${hex(guest)}, ${sizeText(length)}: ${held}`;
}

function freedLine({ offset, length, data }: FreedRun): string {
  return `  file ${hex(offset)}, ${sizeText(length)}: ${data} bytes other than zero`;
}
