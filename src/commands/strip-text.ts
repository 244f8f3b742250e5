/**
 * A strip of points as lines: the number of the first point, then glyphs, with a bar where a mark stands; and what the
 * glyphs mean, for those that occur.
 */
import type { Unweighed } from './palette.ts';
import type { Style } from './style.ts';
import type { StripView } from './view.ts';

/** Points of one line. */
const A_LINE = 50;
const MARK = '|';

export function stripLines({ points, looks, marks, mark }: StripView, style: Style): string[] {
  const width = String(points.length).length;
  const marked = new Set(marks);
  const lines: string[] = [];
  for (let first = 0; first < points.length; first += A_LINE) {
    const runs: { look: Unweighed | undefined; text: string }[] = [];
    const put = (text: string, look?: Unweighed): void => {
      const last = runs.at(-1);
      if (last && last.look === look) last.text += text;
      else runs.push({ look, text });
    };
    for (let i = first; i < Math.min(first + A_LINE, points.length); i++) {
      if (marked.has(i)) put(MARK);
      const look = looks[points[i] as string];
      put(look?.glyph ?? '?', look);
    }
    const painted = runs.map(({ look, text }) => (look ? style.look(text, look) : style.faint(text)));
    lines.push(`${style.faint(String(first + 1).padStart(width))} ${painted.join('')}`);
  }
  const found = Object.entries(looks).filter(([key]) => points.includes(key));
  const legend = found.map(([, look]) => `${style.look(look.glyph, look)} ${look.name}`);
  return [...lines, ...(marks.length > 0 ? [...legend, `${style.faint(MARK)} ${mark}`] : legend)];
}
