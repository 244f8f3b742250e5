/**
 * The legend: only what occurs in the file, each with its glyph, its name and how many clusters it has. Where room is
 * short names become short, then counts go.
 */
import type { Swatch, Theme } from '../theme.ts';
import { cutTo, fitTo, widthOf } from './fit.ts';
import { block } from './row.ts';
import { roughSize } from './sizes.ts';
import type { Paint } from './styles.ts';
import type { LegendView } from './views.ts';

const SHORT: Readonly<Record<string, string>> = {
  header: 'hdr',
  'L1 table': 'L1',
  'L2 table': 'L2',
  'refcount table': 'reft',
  'refcount block': 'refb',
  'snapshot table': 'snap',
  'snapshot L1': 'snapL1',
  'snapshot L2': 'snapL2',
  'snapshot data': 'snapdata',
  'bitmap directory': 'bmdir',
  'bitmap table': 'bmtab',
  'key material': 'keys',
  compressed: 'compr',
  'zero, allocated': 'zero',
  'target only': 'target',
  'source only': 'source',
  'shared data': 'shared',
};

interface Entry {
  readonly glyph: string;
  readonly paint: Paint;
  readonly name: string;
  readonly count: string;
}

/** One or two rows serve. */
export function paintLegend(view: LegendView, width: number, height: number, theme: Theme): string[] {
  const entries = entriesOf(view, theme);
  const forms = [
    entries.map(({ name, count }) => ` ${name} ${count}`),
    entries.map(({ name, count }) => ` ${SHORT[name] ?? name} ${count}`),
    entries.map(({ name }) => ` ${SHORT[name] ?? name}`),
  ];
  for (const words of forms) {
    const rows = laidOut(entries, words, width);
    if (rows.length <= height) return block(rows, width, height);
  }
  const rows = laidOut(entries, forms[2] as string[], width).slice(0, height);
  const last = rows.pop() ?? '';
  return block([...rows, fitTo(`${last.trimEnd()}  ${theme.glyphs.cut}`, width, theme.glyphs.cut)], width, height);
}

function entriesOf({ clusters, shows, clusterSize }: LegendView, theme: Theme): Entry[] {
  const entry = ({ glyph, paint, name }: Swatch, bytes: number): Entry => ({
    glyph,
    paint,
    name,
    count: clusterSize > 0 ? String(Math.ceil(bytes / clusterSize)) : roughSize(bytes),
  });
  const sorted = <K extends string>(
    swatches: Readonly<Record<K, Swatch>>,
    totals: Readonly<Partial<Record<K, number>>>,
  ) =>
    (Object.keys(totals) as K[])
      .filter((key) => (totals[key] ?? 0) > 0)
      .sort((a, b) => swatches[a].weight - swatches[b].weight)
      .map((key) => entry(swatches[key], totals[key] ?? 0));
  if (shows === 'shares') return sorted(theme.shares, clusters.shares());
  if (shows === 'source') return sorted(theme.roles, clusters.source.totals());
  const target = clusters.target?.totals() ?? {};
  if (shows === 'target') return sorted(theme.roles, target);
  // Two maps, one legend: names only make sense without the counts of one side.
  const both = { ...clusters.source.totals() };
  for (const role of Object.keys(target) as (keyof typeof target)[]) {
    both[role] = Math.max(both[role] ?? 0, target[role] ?? 0);
  }
  return sorted(theme.roles, both).map((one) => ({ ...one, count: '' }));
}

/** The entries in as many rows of `width` columns as they take. */
function laidOut(entries: readonly Entry[], words: readonly string[], width: number): string[] {
  const rows: string[] = [];
  let line = '';
  let used = 0;
  for (const [i, { glyph, paint }] of entries.entries()) {
    const word = cutTo((words[i] ?? '').trimEnd(), width - 1);
    const columns = 1 + widthOf(word);
    if (used > 0 && used + 2 + columns > width) {
      rows.push(line + ' '.repeat(width - used));
      line = '';
      used = 0;
    }
    line += (used === 0 ? '' : '  ') + paint(glyph) + word;
    used += (used === 0 ? 0 : 2) + columns;
  }
  rows.push(line + ' '.repeat(width - used));
  return rows;
}
