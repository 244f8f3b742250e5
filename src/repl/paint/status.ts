/**
 * The status line: which image, in what form, how big, what is staged, what the last check said. Where it is narrow
 * parts become shorter and then go, in the order of SHRINK: that something is not on disk yet goes last.
 */
import type { Theme } from '../theme.ts';
import { cutMiddle, fitTo, widthOf } from './fit.ts';
import { block } from './row.ts';
import { roughSize } from './sizes.ts';
import type { Paint } from './styles.ts';
import type { CheckState, StatusView } from './views.ts';

type PartName = 'app' | 'file' | 'format' | 'virtual' | 'bytes' | 'cluster' | 'work' | 'staged' | 'lesson' | 'check';

/** Each step makes one part one form shorter. */
const SHRINK: readonly PartName[] = [
  'cluster',
  'check',
  'bytes',
  'app',
  'work',
  'staged',
  'virtual',
  'check',
  'file',
  'check',
  'lesson',
  'work',
  'format',
  'staged',
  'file',
  'format',
];

/** From long to short; '' is left out. */
type Forms = readonly string[];

export function paintStatus(view: StatusView, width: number, height: number, theme: Theme): string[] {
  if (height < 1) return [];
  const forms = formsOf(view, theme);
  const level: Record<string, number> = {};
  const shown = (name: PartName): string => forms[name][Math.min(level[name] ?? 0, forms[name].length - 1)] ?? '';
  const left = (): PartName[] => LEFT.filter((name) => shown(name) !== '');
  const right = (): PartName[] => RIGHT.filter((name) => shown(name) !== '');
  const used = (): number => [...left(), ...right()].reduce((sum, name) => sum + widthOf(shown(name)) + 2, 0);
  for (const name of SHRINK) {
    if (used() <= width) break;
    level[name] = (level[name] ?? 0) + 1;
  }
  const over = used() - width;
  if (over > 0) {
    // Last of all the name has what the staged part leaves.
    const name = shown('file');
    forms.file = [cutMiddle(name, Math.max(0, widthOf(name) - over), theme.glyphs.cut)];
  }
  const paints: Partial<Record<PartName, Paint>> = {
    app: theme.ui.title,
    file: theme.ui.title,
    format: view.refused ? theme.ui.bad : theme.ui.plain,
    staged: view.staged > 0 ? theme.ui.title : theme.ui.plain,
    check: view.check?.verdict === 'bad' ? theme.ui.bad : theme.ui.plain,
  };
  const joined = (names: readonly PartName[]): string =>
    names.map((name) => (paints[name] ?? theme.ui.plain)(shown(name))).join('  ');
  const gap = Math.max(2, width - used() + 2);
  const line = ` ${joined(left())}${right().length > 0 ? ' '.repeat(gap) + joined(right()) : ''}`;
  return block([theme.ui.bar(fitTo(line, width))], width, height);
}

const LEFT: readonly PartName[] = ['app', 'file', 'format', 'virtual', 'bytes', 'cluster', 'work', 'staged'];
const RIGHT: readonly PartName[] = ['lesson', 'check'];

function formsOf(view: StatusView, theme: Theme): Record<PartName, Forms> {
  const { glyphs } = theme;
  const file = theme.text(view.file);
  const becoming = view.target === undefined ? '' : ` ${glyphs.arrow} ${theme.text(view.target)}`;
  return {
    app: ['platter', ''],
    file: [file, cutMiddle(file, 24, glyphs.cut), cutMiddle(file, 12, glyphs.cut)],
    format: view.refused
      ? [`${theme.text(view.format)} REFUSED`, 'REFUSED']
      : [theme.text(view.format) + becoming, becoming.trim(), ''],
    virtual: [view.refused ? '' : `virtual ${roughSize(view.virtualSize)}`, ''],
    bytes: [`file ${roughSize(view.fileSize)}`, ''],
    cluster: [view.clusterSize > 0 ? `cluster ${roughSize(view.clusterSize)}` : '', ''],
    work: workForms(view),
    staged: stagedForms(view.staged, theme),
    lesson: [view.lesson === undefined ? '' : theme.text(view.lesson), ''],
    check: view.check ? checkForms(view.check, theme) : [''],
  };
}

/** What is half done. */
function workForms({ converting, stopped }: StatusView): Forms {
  if (stopped !== undefined) return [stopped, ''];
  return converting === undefined ? [''] : [`converting: ${converting}`, converting, ''];
}

function stagedForms(staged: number, theme: Theme): Forms {
  if (staged === 0) return ['no steps'];
  const steps = `${staged} step${staged === 1 ? '' : 's'}`;
  const dot = theme.unicode ? ' · ' : ', ';
  return [['staged', steps, 'nothing on disk yet'].join(dot), `staged${dot}${steps}`, `staged ${staged}`];
}

function checkForms({ text, verdict, stale }: CheckState, theme: Theme): Forms {
  const sign = verdict === 'good' ? theme.glyphs.good : verdict === 'bad' ? theme.glyphs.bad : '!';
  const says = theme.text(text);
  const short = `${sign} check: ${says}`;
  return [stale ? `${short} (${theme.text(stale)})` : short, short, `${sign} ${says}`, ''];
}
