/**
 * A map for a person: one line per extent, in guest order (streamed, so a long list takes no memory), or in the
 * order of the file (gathered first: 36 bytes an extent).
 */
import type { Extent } from '../bytes/extents.ts';
import type { Progress } from '../bytes/progress.ts';
import { hex, sizeText } from '../bytes/size.ts';
import { extentsOf, mapBatches } from './map-walk.ts';
import { printable } from './printable.ts';
import type { Sink } from './sink.ts';
import type { Style } from './style.ts';
import { KIND_TEXT, type MapView } from './view.ts';

const FLUSH_CHARACTERS = 64 * 1024;

/** Writes the list; answers how many entries were invalid. */
export function* writeMapText(view: MapView, sink: Sink, style: Style): Generator<Progress, number> {
  const rows = new Rows(view, sink, style);
  if (view.to <= view.from) {
    sink.text('Nothing to list: the range is empty.\n');
    return 0;
  }
  rows.heading();
  if (view.shape === 'by-host') yield* inHostOrder(view, rows);
  else yield* inGuestOrder(view, rows);
  rows.finish();
  return rows.invalid;
}

function* inGuestOrder({ chain, from, to }: MapView, rows: Rows): Generator<Progress, void> {
  for (const batch of mapBatches(chain, from, to)) {
    let done = from;
    for (const extent of extentsOf(batch)) {
      rows.row(extent, batch.depth);
      done = extent.guest + extent.length;
    }
    yield { what: 'mapping', done: done - from, total: to - from, unit: 'bytes' };
  }
}

/** Extents that have a place in the file, by that place. */
function* inHostOrder({ chain, from, to }: MapView, rows: Rows): Generator<Progress, void> {
  const found: (Extent & { readonly depth: number })[] = [];
  for (const batch of mapBatches(chain, from, to)) {
    let done = from;
    for (const extent of extentsOf(batch)) {
      if (extent.host !== undefined) found.push({ ...extent, depth: batch.depth });
      done = extent.guest + extent.length;
    }
    yield { what: 'mapping', done: done - from, total: to - from, unit: 'bytes' };
  }
  found.sort((a, b) => a.depth - b.depth || (a.host as number) - (b.host as number) || a.guest - b.guest);
  for (const { depth, ...extent } of found) rows.row(extent, depth);
}

/** Formats rows; columns are as wide as the image's own numbers need, so that a stream lines up. */
class Rows {
  invalid = 0;
  readonly #sink: Sink;
  readonly #style: Style;
  readonly #view: MapView;
  readonly #guestWidth: number;
  readonly #hostWidth: number;
  #text = '';

  constructor(view: MapView, sink: Sink, style: Style) {
    this.#view = view;
    this.#sink = sink;
    this.#style = style;
    const largest = (sizes: number[]): number => Math.max(...sizes.map((n) => hex(n).length), 'Guest'.length);
    this.#guestWidth = largest([view.to]);
    this.#hostWidth = largest(view.chain.map((image) => image.device.size));
  }

  heading(): void {
    const cells = ['Guest'.padEnd(this.#guestWidth), 'Length'.padStart(LENGTH_WIDTH), 'Host'.padEnd(this.#hostWidth)];
    this.#put(this.#style.heading(`${cells.join('  ')}  Kind`));
  }

  row(extent: Extent, depth: number): void {
    const { kind, guest, length, host, fault } = extent;
    if (kind === 'invalid') this.invalid++;
    const cells = [
      hex(guest).padEnd(this.#guestWidth),
      sizeText(length).padStart(LENGTH_WIDTH),
      (host === undefined ? '-' : hex(host)).padEnd(this.#hostWidth),
      this.#style.kind(`${KIND_TEXT[kind]}${this.#note(extent, depth)}`, kind),
    ];
    this.#put(fault === undefined ? cells.join('  ') : `${cells.join('  ')}: ${printable(fault)}`);
  }

  finish(): void {
    this.#sink.text(this.#text);
    this.#text = '';
  }

  /** What a row's kind alone does not say: its layer, a compressed stream's length, an unopened backing file. */
  #note({ kind, hostLength }: Extent, depth: number): string {
    const { chain, unopened } = this.#view;
    const layer = depth === 0 ? '' : ` in ${printable(chain[depth]?.device.name ?? '')}`;
    if (kind === 'compressed' && hostLength !== undefined) return `, at most ${hostLength} bytes${layer}`;
    const falls = kind === 'unallocated' || kind === 'unallocated-allocated';
    if (falls && unopened !== undefined && depth === chain.length - 1) return `: in ${printable(unopened)}, not opened`;
    return falls ? '' : layer;
  }

  #put(line: string): void {
    this.#text += `${line}\n`;
    if (this.#text.length < FLUSH_CHARACTERS) return;
    this.#sink.text(this.#text);
    this.#text = '';
  }
}

/** `1023.999 MiB`. */
const LENGTH_WIDTH = 12;
