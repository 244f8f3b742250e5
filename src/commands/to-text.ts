/**
 * A View as lines for a person. Colours come in as a Style (to-text-colours.ts has the one with chalk), so that a
 * run without a terminal never loads it. What comes from an image passes through `printable`.
 */
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import { verdictLines } from '../check/verdict.ts';
import type { Finding } from '../drivers/finding.ts';
import { whereText } from '../errors.ts';
import { writeDiffText } from './diff-text.ts';
import { wrapped } from './help.ts';
import { hexdumpLines } from './hexdump-text.ts';
import { summarize } from './map-summary.ts';
import { writeMapText } from './map-text.ts';
import { printable, printableLines } from './printable.ts';
import type { Sink } from './sink.ts';
import { troubleText } from './status-facts.ts';
import { stripLines } from './strip-text.ts';
import type { Style } from './style.ts';
import { isFacts, isList, statusOf } from './to-json.ts';
import {
  type CheckView,
  type Fact,
  type FactsView,
  KIND_TEXT,
  type MapView,
  type Scalar,
  type TableView,
  type Unit,
  type View,
} from './view.ts';

/** Writes the view; answers the exit status it stands for. */
export function* writeText(view: View, sink: Sink, style: Style): Generator<Progress, number> {
  switch (view.kind) {
    case 'nothing':
    case 'script':
      return 0;
    case 'message':
      sink.text(`${printableLines(view.prose ? proseText(view.text, style.columns) : view.text)}\n`);
      return 0;
    case 'facts':
      sink.text(lines(factLines(view)));
      return 0;
    case 'table':
      sink.text(lines(tableLines(view, style)));
      return 0;
    case 'strip':
      sink.text(lines(stripLines(view, style)));
      return 0;
    case 'check':
      sink.text(lines(checkLines(view, style)));
      return statusOf(view);
    case 'map':
      if (view.shape === 'summary') return yield* writeSummary(view, sink, style);
      return (yield* writeMapText(view, sink, style)) > 0 ? 2 : 0;
    case 'hexdump':
      sink.text(lines(hexdumpLines(view, style)));
      return 0;
    case 'diff':
      yield* writeDiffText(view, sink, style);
      return 0;
    case 'parts':
      return yield* writeParts(view.parts, sink, style);
  }
}

function proseText(text: string, columns: number): string {
  return text
    .split('\n')
    .map((line) => (/^\s/.test(line) ? line : wrapped(line, columns)))
    .join('\n');
}

function* writeParts(
  parts: readonly { readonly title?: string; readonly view: View }[],
  sink: Sink,
  style: Style,
): Generator<Progress, number> {
  let status = 0;
  for (const [i, { title, view }] of parts.entries()) {
    if (i > 0 && view.kind !== 'nothing') sink.text('\n');
    if (title !== undefined) sink.text(`${style.heading(title)}\n`);
    status = Math.max(status, yield* writeText(view, sink, style));
  }
  return status;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('');
}

/** qemu-io's shape: `cluster size: 64 KiB`, nested facts indented by four. */
function factLines({ facts }: FactsView, indent = ''): string[] {
  return facts.flatMap((fact) => {
    const label = `${indent}${fact.label ?? printable(fact.key.replaceAll('-', ' '))}:`;
    const { value } = fact;
    if (fact.only === 'json') return [];
    if (!isList(value)) return [`${label} ${scalarText(value, fact.unit)}`];
    if (isFacts(value)) return [label, ...factLines({ kind: 'facts', facts: value }, `${indent}    `)];
    return [label, ...value.flatMap((item, i) => listLines(item, i, fact.unit, `${indent}    `))];
  });
}

function listLines(item: Scalar | readonly Fact[], i: number, unit: Unit | undefined, indent: string): string[] {
  if (!isList(item)) return [`${indent}${scalarText(item, unit)}`];
  return [`${indent}[${i}]:`, ...factLines({ kind: 'facts', facts: item }, `${indent}    `)];
}

function scalarText(value: Scalar | undefined, unit: Unit = 'plain'): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return printable(value);
  if (typeof value === 'boolean' || unit === 'plain') return String(value);
  return unit === 'size' ? sizeText(value) : hex(value);
}

function tableLines({ columns, rows, empty, notes = [] }: TableView, style: Style): string[] {
  if (rows.length === 0) return [empty, ...notes];
  const cells = rows.map((row) => columns.map(({ unit }, i) => scalarText(row[i], unit)));
  const widths = columns.map(({ label }, i) =>
    cells.reduce((most, row) => Math.max(most, (row[i] ?? '').length), label.length),
  );
  const pad = (row: readonly string[]): string =>
    row
      .map((cell, i) => {
        const width = widths[i] as number;
        return columns[i]?.align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  const below = notes.length > 0 ? ['', ...notes.map(printable)] : [];
  return [style.heading(pad(columns.map(({ label }) => label))), ...cells.map(pad), ...below];
}

function checkLines({ report, format }: CheckView, style: Style): string[] {
  if (!report) return [`This image format (${printable(format)}) does not support checks`];
  const findings = report.findings.flatMap((finding) => findingLines(finding, style));
  const left = report.findingCount - report.findings.length;
  if (left > 0) findings.push(`… and ${left} more findings`);
  if (findings.length > 0) findings.push('');
  const verdict = verdictLines(report);
  return [...findings, ...(verdict[0] === '' ? verdict.slice(1) : verdict)];
}

const SEVERITY = { corruption: 'ERROR', leak: 'leak', note: 'note' } as const;

function findingLines({ severity, code, what, means, where, references = [] }: Finding, style: Style): string[] {
  const word = SEVERITY[severity];
  const path = where.path ? `${printable(where.path)}: ` : '';
  const place = printable(whereText(where));
  const first = `${severity === 'corruption' ? style.bad(word) : word} ${path}${printable(what)} ${style.faint(`(${place}) [${code}]`)}`;
  const paths = references.flatMap(({ path }) => path ?? []);
  const led = paths.length > 1 ? [`      led to by ${printable(paths.join(', '))}`] : [];
  return [first, `      ${printable(means)}`, ...led];
}

function* writeSummary(view: MapView, sink: Sink, style: Style): Generator<Progress, number> {
  const { totals, invalid, from, to, troubles } = yield* summarize(view);
  const columns = [
    { key: 'kind', label: 'Kind' },
    { key: 'extents', label: 'Extents', align: 'right' },
    { key: 'bytes', label: 'Bytes', unit: 'size', align: 'right' },
    { key: 'share', label: 'Share', align: 'right' },
  ] as const;
  const rows = totals.map(({ kind, extents, bytes }) => [
    KIND_TEXT[kind],
    extents,
    bytes,
    `${((bytes * 100) / (to - from)).toFixed(2)}%`,
  ]);
  sink.text(lines(tableLines({ kind: 'table', columns, rows, empty: 'The disk is empty: 0 bytes.' }, style)));
  if (troubles) {
    sink.text(`leaked: ${troubleText(troubles.leaked)}\noverlap: ${troubleText(troubles.overlap)}\n`);
  }
  return invalid > 0 ? 2 : 0;
}
