/**
 * A View as JSON: stable keys, sizes and offsets as numbers in bytes, one value and a line end. `map` streams.
 */
import type { Progress } from '../bytes/progress.ts';
import { checkJson, exitStatus, UNSUPPORTED_STATUS, verdict } from '../check/verdict.ts';
import { type ImageError, Refusal } from '../errors.ts';
import { writeDiffJson } from './diff-json.ts';
import { jsonText } from './json-text.ts';
import { writeMapJson } from './map-json.ts';
import { summarize, summaryJson } from './map-summary.ts';
import type { Sink } from './sink.ts';
import type { Fact, FactValue, TableView, View } from './view.ts';

/** Writes the view; answers the exit status it stands for. */
export function* writeJson(view: View, sink: Sink): Generator<Progress, number> {
  if (view.kind === 'map' && view.shape !== 'summary') return (yield* writeMapJson(view, sink)) > 0 ? 2 : 0;
  if (view.kind === 'diff') {
    yield* writeDiffJson(view, sink);
    return 0;
  }
  if (view.kind === 'map') {
    const summary = yield* summarize(view);
    sink.text(`${jsonText(summaryJson(summary), 4)}\n`);
    return summary.invalid > 0 ? 2 : 0;
  }
  sink.text(`${jsonText(plain(view), 4)}\n`);
  return statusOf(view);
}

/** The exit status of a view that is not a map. */
export function statusOf(view: View): number {
  if (view.kind !== 'check') return 0;
  return view.report ? exitStatus(verdict(view.report)) : UNSUPPORTED_STATUS;
}

/** A failed command as JSON: the code for scripts, the sentence, and where in the file. */
export function errorJson(error: ImageError): string {
  const reasons = error instanceof Refusal ? error.reasons : undefined;
  const { code, what, where, tryThis } = error;
  return `${jsonText({ error: { code, class: error.class, message: error.message, what, where, try: tryThis, reasons } }, 4)}\n`;
}

function plain(view: View): unknown {
  switch (view.kind) {
    case 'nothing':
    case 'script':
      return {};
    case 'message':
      return { message: view.text, ...view.data };
    case 'facts':
      return record(view.facts);
    case 'table':
      return tableRows(view);
    case 'check':
      return view.report
        ? checkJson(view.report, view.filename, view.format)
        : { filename: view.filename, format: view.format, 'check-errors': 0, platter: { verdict: 'unsupported' } };
    case 'hexdump':
      return view.lines.map(({ offset, bytes, owner, fields, spans }) => {
        return { offset, hex: Buffer.from(bytes).toString('hex'), owner, fields, spans };
      });
    case 'strip':
      return { points: view.points, barriers: view.marks };
    case 'parts':
      return Object.fromEntries(view.parts.map(({ key, view: part }) => [key, plain(part)]));
    case 'map':
    case 'diff':
      throw new Error(`a ${view.kind} is streamed, not part of another view`);
  }
}

function record(facts: readonly Fact[]): Record<string, unknown> {
  return Object.fromEntries(
    facts.filter(({ only }) => only !== 'text').map(({ key, value }) => [key, plainValue(value)]),
  );
}

function plainValue(value: FactValue): unknown {
  if (!isList(value)) return value;
  if (isFacts(value)) return record(value);
  return value.map((item) => (isList(item) ? record(item) : item));
}

function tableRows(view: TableView): Record<string, unknown>[] {
  return view.rows.map((row) => Object.fromEntries(view.columns.map(({ key }, i) => [key, row[i]])));
}

type ListValue = Exclude<FactValue, string | number | boolean>;

export function isList(value: unknown): value is ListValue {
  return Array.isArray(value);
}

/** A nested record, as against a list of scalars or of records. An empty list is a list. */
export function isFacts(value: ListValue): value is readonly Fact[] {
  const first: unknown = value[0];
  return typeof first === 'object' && first !== null && !Array.isArray(first);
}
