/** The bytes under the cursor, with the fields they belong to, and what they were before the staged steps. */
import type { Inspection } from '../../session/panels.ts';
import type { Desk } from '../desk.ts';
import { frame, insideFrame } from '../paint/frame.ts';
import { inspectorBytes, inspectorHead, paintInspector } from '../paint/inspector.ts';
import { row } from '../paint/row.ts';
import type { Key } from '../prompt/key.ts';
import { type Panel, strokeOf } from './panel.ts';
import { placeKey } from './place-keys.ts';

const LINE = 16;

const STEPS: Readonly<Record<string, number>> = {
  left: -1,
  h: -1,
  right: 1,
  l: 1,
  up: -LINE,
  k: -LINE,
  down: LINE,
  j: LINE,
};

export class InspectorPanel implements Panel {
  readonly name = 'inspector';
  readonly title = 'Inspect';
  readonly keys = [
    { keys: 'h j k l', does: 'move by bytes and lines (arrows too)' },
    { keys: 'PgUp PgDn', does: 'move by pages' },
    { keys: 'g G', does: 'start and end of the file' },
    { keys: 'n N', does: 'next field, previous field' },
    { keys: 'Enter', does: 'follow the pointer under the cursor' },
    { keys: 'b f', does: 'back to before the jump, and forward again' },
    { keys: 't', does: 'source or target' },
    { keys: '0-9', does: 'go to an offset of the file' },
  ];
  readonly #desk: Desk;
  #bytes = 256;
  #inspection: Inspection | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  key(key: Key): boolean {
    const stroke = strokeOf(key);
    const step = STEPS[stroke];
    if (step !== undefined) return this.#move(step);
    switch (stroke) {
      case 'pagedown':
      case ' ':
        return this.#move(this.#bytes - LINE);
      case 'pageup':
        return this.#move(LINE - this.#bytes);
      case 'g':
      case 'home':
        return this.#move(Number.NEGATIVE_INFINITY);
      case 'G':
      case 'end':
        return this.#move(Number.POSITIVE_INFINITY);
      case 'n':
        return this.#nextField(1);
      case 'N':
        return this.#nextField(-1);
    }
    return placeKey(this.#desk, stroke, 'host');
  }

  whole(): string {
    return `x ${this.#desk.place.host ?? 0} 64k`;
  }

  paint(width: number, height: number): readonly string[] {
    const { picture, session, side, place, theme, focus, entry } = this.#desk;
    const focused = focus === this.name;
    const inner = insideFrame(width, height);
    const at = place.host;
    if (!session || at === undefined) {
      const says = session ? ` ${this.#nowhere()}` : '';
      const rows = [row(inner.width, [[says, theme.ui.faint]], theme.glyphs.cut)];
      return frame({ number: 4, title: this.title, focused }, rows, width, height, theme);
    }
    this.#bytes = inspectorBytes(session.file.size, inner.width, inner.height);
    this.#inspection = picture.inspect(session, side, at, this.#bytes / LINE);
    if (!this.#inspection) return frame({ number: 4, title: this.title, focused }, [], width, height, theme);
    const view = { inspection: this.#inspection, at };
    const head = inspectorHead(view);
    return frame(
      { ...head, number: 4, focused, notes: [...(focused && entry ? [entry.shown] : []), ...(head.notes ?? [])] },
      paintInspector(view, inner.width, inner.height, theme),
      width,
      height,
      theme,
    );
  }

  /** Why there are no bytes to show. */
  #nowhere(): string {
    const { place, side } = this.#desk;
    const rows = this.#desk.rows(side);
    const index = place.guest === undefined ? -1 : (rows?.indexOfGuest(place.guest) ?? -1);
    if (!rows || index < 0) return 'no byte of the file is under the cursor';
    if (rows.hostIsElsewhere) return 'stored in the data file, not in this one';
    return `${rows.at(index).kind}: nothing is stored for it in the file`;
  }

  #move(by: number): boolean {
    const { place, picture } = this.#desk;
    const size = picture.clusters?.size ?? 0;
    this.#desk.toHost(Math.max(0, Math.min(size - 1, (place.host ?? 0) + by)));
    return true;
  }

  #nextField(by: 1 | -1): boolean {
    const fields = this.#inspection?.fields ?? [];
    const at = this.#desk.place.host ?? 0;
    const next =
      by > 0 ? fields.find(({ offset }) => offset > at) : fields.findLast(({ offset, size }) => offset + size <= at);
    if (next) this.#desk.toHost(next.offset);
    else this.#move(by * LINE);
    return true;
  }
}
