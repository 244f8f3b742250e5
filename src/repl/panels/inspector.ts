/** The bytes under the cursor, with the fields they belong to, and what they were before the staged steps. */
import { parseSize } from '../../bytes/size.ts';
import type { Inspection } from '../../session/panels.ts';
import type { Desk } from '../desk.ts';
import { Entry } from '../entry.ts';
import { follow } from '../follow.ts';
import { frame, insideFrame } from '../paint/frame.ts';
import { inspectorBytes, inspectorHead, paintInspector } from '../paint/inspector.ts';
import { row } from '../paint/row.ts';
import type { Key } from '../prompt/key.ts';
import { type Panel, strokeOf } from './panel.ts';

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
  readonly keys = [
    { keys: 'h j k l', does: 'move by bytes and lines (arrows, PgUp, PgDn too)' },
    { keys: 'n N', does: 'next field, previous field' },
    { keys: 'Enter', does: 'follow the pointer under the cursor' },
    { keys: 'b', does: 'back to where the last jump came from' },
    { keys: 't', does: 'source or target' },
    { keys: '0-9', does: 'go to an offset of the file' },
    { keys: 'y', does: 'put the address into the prompt' },
  ];
  readonly #desk: Desk;
  #bytes = 256;
  #inspection: Inspection | undefined;
  #entry: Entry | undefined;

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  key(key: Key): boolean {
    if (this.#entry) {
      if (this.#entry.key(key) !== 'open') this.#entry = undefined;
      this.#desk.changed();
      return true;
    }
    return this.#stroke(strokeOf(key));
  }

  #stroke(stroke: string): boolean {
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
        this.#desk.toHost(0);
        return true;
      case 'return':
        return follow(this.#desk);
      case 'n':
        return this.#nextField(1);
      case 'N':
        return this.#nextField(-1);
      case 't':
        this.#desk.turn();
        return true;
      case 'b':
        if (!this.#desk.back()) this.#desk.note = 'no jump to take back';
        break;
      default:
        if (!/^[0-9]/.test(stroke)) return false;
        this.#entry = new Entry('go to', stroke, (text) => this.#goTo(text));
    }
    this.#desk.changed();
    return true;
  }

  whole(): string {
    return `x ${this.#desk.place.host ?? 0} 64k`;
  }

  paint(width: number, height: number): readonly string[] {
    const { picture, session, side, place, theme, focus } = this.#desk;
    const focused = focus === this.name;
    const inner = insideFrame(width, height);
    const at = place.host;
    if (!session || at === undefined) {
      const says = session ? ' the guest range under the cursor has no place in the file' : '';
      const rows = [row(inner.width, [[says, theme.ui.faint]], theme.glyphs.cut)];
      return frame({ number: 4, title: 'Inspect', focused }, rows, width, height, theme);
    }
    this.#bytes = inspectorBytes(session.file.size, inner.width, inner.height);
    this.#inspection = picture.inspect(session, side, at, this.#bytes / LINE);
    if (!this.#inspection) return frame({ number: 4, title: 'Inspect', focused }, [], width, height, theme);
    const view = { inspection: this.#inspection, at };
    const entry = this.#entry ? [`${this.#entry.label}: ${this.#entry.text}_`] : [];
    const head = inspectorHead(view);
    return frame(
      { ...head, number: 4, focused, notes: [...entry, ...(head.notes ?? [])] },
      paintInspector(view, inner.width, inner.height, theme),
      width,
      height,
      theme,
    );
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

  #goTo(text: string): void {
    try {
      this.#desk.jumpToHost(parseSize(text));
    } catch {
      this.#desk.note = `'${text}' is no offset: 65536, 0x10000, 64k`;
    }
  }
}
