/**
 * The extent table: guest ranges and where they lie in the file, of the source, and below it of the target while there
 * is one. Only the rows in sight are ever made.
 */
import { EXTENT_KINDS, type ExtentKind } from '../../bytes/extents.ts';
import type { Progress } from '../../bytes/progress.ts';
import { refusedParagraphs } from '../../commands/refusal.ts';
import type { ExtentRows, RowOrder, Side } from '../../session/panels.ts';
import type { Desk } from '../desk.ts';
import { extentRowsVisible, extentTableHead, extentTableScroll, paintExtentTable } from '../paint/extent-table.ts';
import { wrap } from '../paint/fit.ts';
import { frame, insideFrame } from '../paint/frame.ts';
import { block, row } from '../paint/row.ts';
import type { ExtentTableView } from '../paint/views.ts';
import type { Key } from '../prompt/key.ts';
import { type Panel, strokeOf, topFor } from './panel.ts';
import { placeKey } from './place-keys.ts';

/** Two tables stand above one another when each has at least this many rows. */
const ROWS_OF_TWO = 5;

/** What one side shows. */
interface Window {
  top: number;
  cursor: number;
  visible: number;
}

export class ExtentsPanel implements Panel {
  readonly name = 'extents';
  readonly title = 'Extents';
  readonly keys = [
    { keys: 'j k PgUp PgDn', does: 'move' },
    { keys: 'Enter', does: 'follow the pointer: guest, L1, L2, host' },
    { keys: 'b f', does: 'back to before the jump, and forward again' },
    { keys: '0-9', does: 'go to a guest offset' },
    { keys: '/', does: 'show some kinds only: data, zero, compressed, ...' },
    { keys: 's', does: 'sort by guest or by host' },
    { keys: 'm', does: 'leave out what is unallocated, or not' },
    { keys: 't', does: 'source or target' },
    { keys: 'n N', does: 'next or previous row that the last step changed' },
    { keys: 'g G', does: 'first row, last row' },
  ];
  readonly #desk: Desk;
  readonly #windows: Readonly<Record<Side, Window>> = {
    source: { top: 0, cursor: 0, visible: 1 },
    target: { top: 0, cursor: 0, visible: 1 },
  };
  #order: RowOrder = { sort: 'guest' };
  #filter = '';
  /** The desk's moves and the picture's version that the cursors were set by. */
  #seen = '';

  constructor(desk: Desk) {
    this.#desk = desk;
  }

  key(key: Key): boolean {
    const stroke = strokeOf(key);
    const window = this.#windows[this.#desk.side];
    switch (stroke) {
      case 'down':
      case 'j':
        return this.move(1);
      case 'up':
      case 'k':
        return this.move(-1);
      case 'pagedown':
      case 'C-f':
      case ' ':
        return this.move(window.visible);
      case 'pageup':
      case 'C-b':
        return this.move(-window.visible);
      case 'home':
      case 'g':
        return this.move(Number.NEGATIVE_INFINITY);
      case 'end':
      case 'G':
        return this.move(Number.POSITIVE_INFINITY);
      case 's':
        return this.#sort();
      case 'm':
        return this.#mappedOnly();
      case 'n':
        return this.#nextChanged(1);
      case 'N':
        return this.#nextChanged(-1);
      case '/':
        this.#desk.ask('show only', this.#filter, (text) => this.#setFilter(text));
        return true;
    }
    return placeKey(this.#desk, stroke, 'guest');
  }

  /** Moves the cursor by rows; also from the prompt, with PgUp and PgDn. */
  move(by: number): boolean {
    const { side } = this.#desk;
    const rows = this.#rows(side);
    if (!rows || rows.count === 0) return true;
    const { cursor } = this.#window(side, rows);
    // Where the cursor is in none of the rows, the first one in sight is the next.
    const from = cursor < 0 ? this.#windows[side].top - Math.sign(by) : cursor;
    const next = Math.max(0, Math.min(rows.count - 1, from + by));
    this.#desk.toGuest(rows.at(next).guest, side);
    return true;
  }

  page(by: 1 | -1): boolean {
    return this.move(by * this.#windows[this.#desk.side].visible);
  }

  /** The offsets in the rows in sight, of the side with the cursor; both columns. */
  seen(): { readonly offset: number; readonly note: string }[] {
    const { side } = this.#desk;
    const rows = this.#rows(side);
    if (!rows) return [];
    const { top, visible } = this.#windows[side];
    const found: { offset: number; note: string }[] = [];
    for (let i = top; i < Math.min(rows.count, top + visible); i++) {
      const { guest, host, kind } = rows.at(i);
      found.push({ offset: guest, note: `guest, ${kind}` });
      if (host !== undefined) found.push({ offset: host, note: `host, of guest 0x${guest.toString(16)}` });
    }
    return found;
  }

  whole(): string {
    return this.#desk.side === 'target' && this.#desk.session?.target ? 'map --target' : 'map';
  }

  paint(width: number, height: number): readonly string[] {
    const { picture, focus } = this.#desk;
    const inner = insideFrame(width, height);
    const both = picture.clusters?.target !== undefined && inner.height >= 2 * ROWS_OF_TWO + 3;
    if (!both) return this.#paintSide(this.#desk.side, width, height, focus === this.name);
    // Each has a frame of its own; the one with the cursor is the larger half where they cannot be equal.
    const first = Math.ceil(height / 2);
    const has = (side: Side): boolean => focus === this.name && this.#desk.side === side;
    return [
      ...this.#paintSide('source', width, first, has('source')),
      ...this.#paintSide('target', width, height - first, has('target')),
    ];
  }

  #paintSide(side: Side, width: number, height: number, focused: boolean): readonly string[] {
    const { picture, theme, session } = this.#desk;
    const rows = this.#rows(side);
    if (!session || !rows) {
      const says = [
        theme.ui.faint(
          ' no image is open: open FILE'
            .padEnd(insideFrame(width, height).width)
            .slice(0, insideFrame(width, height).width),
        ),
      ];
      return frame({ number: 1, title: this.title, focused }, says, width, height, theme);
    }
    const inner = insideFrame(width, height);
    const refused = picture.image(side)?.refused;
    if (refused) {
      const says = refusedParagraphs(refused).flatMap((text) => wrap(theme.text(text), inner.width - 2));
      const lines = says.map((text) => row(inner.width, [' ', [text, theme.ui.plain]], theme.glyphs.cut));
      const body = block(lines, inner.width, inner.height);
      return frame({ number: 1, title: `${this.title}  none: refused`, focused }, body, width, height, theme);
    }
    const window = this.#window(side, rows);
    window.visible = Math.max(1, extentRowsVisible(inner.height));
    window.top = topFor(Math.max(0, window.cursor), window.top, window.visible, rows.count);
    const view: ExtentTableView = {
      rows,
      side,
      order: this.#order,
      guestSize: session.image.size,
      fileSize: picture.clusters?.size ?? session.file.size,
      top: window.top,
      cursor: window.cursor,
      ...walkedOf(picture.progress),
      filter: this.#filter,
    };
    const head = extentTableHead(view);
    const { entry } = this.#desk;
    return frame(
      { ...head, number: 1, focused, notes: [...(focused && entry ? [entry.shown] : []), ...(head.notes ?? [])] },
      paintExtentTable(view, inner.width, inner.height, theme),
      width,
      height,
      theme,
      extentTableScroll(view, inner.height),
    );
  }

  #rows(side: Side): ExtentRows | undefined {
    return this.#desk.rows(side, this.#order);
  }

  /** The window of a side, its cursor where the desk's place is. */
  #window(side: Side, rows: ExtentRows): Window {
    const { moves, picture, place } = this.#desk;
    const window = this.#windows[side];
    const seen = `${moves} ${picture.version} ${this.#order.sort} ${this.#filter} ${rows.count}`;
    if (seen !== this.#seen) {
      this.#seen = seen;
      for (const each of ['source', 'target'] as const) {
        const own = each === side ? rows : this.#rows(each);
        this.#windows[each].cursor = own ? cursorFor(own, place) : -1;
      }
    }
    return window;
  }

  #sort(): boolean {
    this.#order = { ...this.#order, sort: this.#order.sort === 'guest' ? 'host' : 'guest' };
    this.#desk.changed();
    return true;
  }

  #mappedOnly(): boolean {
    this.#setFilter(this.#filter === '' ? 'mapped' : '');
    return true;
  }

  #setFilter(text: string): void {
    const words = text
      .trim()
      .toLowerCase()
      .split(/[\s,]+/)
      .filter((word) => word !== '');
    const kinds = EXTENT_KINDS.filter((kind) => words.some((word) => isMeant(word, kind)));
    if (words.length > 0 && kinds.length === 0) {
      this.#desk.note = `no kind of extent is called '${text.trim()}': ${EXTENT_KINDS.join(', ')}`;
      return;
    }
    this.#filter = words.join(' ');
    this.#order = words.length === 0 ? { sort: this.#order.sort } : { sort: this.#order.sort, kinds };
    this.#desk.changed();
  }

  #nextChanged(by: 1 | -1): boolean {
    const { side } = this.#desk;
    const rows = this.#rows(side);
    if (!rows) return true;
    const { cursor } = this.#window(side, rows);
    for (let i = cursor + by, looked = 0; i >= 0 && i < rows.count && looked < LOOK_AHEAD; i += by, looked++) {
      const row = rows.at(i);
      if (!row.changed) continue;
      this.#desk.toGuest(row.guest, side);
      return true;
    }
    this.#desk.note = by > 0 ? 'no changed row below' : 'no changed row above';
    this.#desk.changed();
    return true;
  }
}

/** Rows that one key looks at. */
const LOOK_AHEAD = 200_000;

/** How much of the image has been read for the table, while it is. */
function walkedOf(progress: Progress | undefined): { walked?: number } {
  return progress?.what === 'mapping' && progress.total > 0 ? { walked: progress.done / progress.total } : {};
}

function isMeant(word: string, kind: ExtentKind): boolean {
  return word === 'mapped' ? !kind.startsWith('unallocated') : kind.startsWith(word);
}

function cursorFor(rows: ExtentRows, { guest, host }: { readonly guest?: number; readonly host?: number }): number {
  if (guest !== undefined) return rows.indexOfGuest(guest);
  return host === undefined ? -1 : rows.indexOfHost(host);
}
