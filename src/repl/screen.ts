/**
 * The one place that writes to the terminal. ink renders into it whole frames (its `debug` option: each frame in full
 * and nothing else); panels are canvases, painted as rows straight into the rectangle that the layout gave them. What
 * is sent is the rows that differ from what the terminal shows.
 *
 * Invariants:
 *  1. Everything goes out in one write per flush, addressed absolutely; nothing is erased before it is drawn anew, so
 *     no half frame is ever seen, and the user's scrollback is not touched.
 *  2. Between `enter` and `leave` the terminal is in its alternate screen; `leave` may be called at any time, twice too.
 *  3. A flush comes at most every FRAME milliseconds, and only when something was scheduled: idle costs nothing.
 */
import { Writable } from 'node:stream';

/** What a canvas paints: exactly `height` rows of `width` columns. */
export interface Painting {
  readonly rows: readonly string[];
  /** Where the terminal's cursor belongs, relative to the canvas. At most one canvas says so. */
  readonly cursor?: { readonly x: number; readonly y: number };
}

/** Called at every flush: it must be cheap, or keep what it painted. */
export type Draw = (width: number, height: number) => Painting;

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A canvas on the screen: where the layout put it, asked at every flush. */
export interface Canvas {
  /** Undefined while it has no place. */
  place(): Rectangle | undefined;
  readonly draw: Draw;
}

/** The terminal: process.stdout, or a fake in tests. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  write(text: string): unknown;
}

/** Milliseconds between two frames at least. */
const FRAME = 16;
/** Of a terminal that does not know its size. */
const FALLBACK = { columns: 80, rows: 24 } as const;

/** Alternate screen, no wrapping at the right edge, pasted text bracketed. */
const ENTER = '\x1b[?1049h\x1b[?7l\x1b[?2004h\x1b[2J\x1b[H';
const LEAVE = '\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l';
const BEGIN = '\x1b[?2026h\x1b[?25l';
const END = '\x1b[?2026l';
const SHOW_CURSOR = '\x1b[?25h';
const RESET = '\x1b[0m';

const at = (x: number, y: number): string => `\x1b[${y + 1};${x + 1}H`;

/** One canvas as this frame has it. */
interface Painted {
  readonly canvas: Canvas;
  readonly place: Rectangle;
  readonly painting: Painting;
}

/** One canvas as it stands on the terminal. */
interface Shown {
  readonly place: Rectangle;
  readonly rows: readonly string[];
}

export class Screen extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** Frames sent so far. */
  frames = 0;
  readonly #terminal: Terminal;
  readonly #fold: (text: string) => string;
  readonly #failed: (error: unknown) => void;
  readonly #canvases = new Set<Canvas>();
  #frame: readonly string[] = [];
  #shownFrame: readonly string[] = [];
  #shown = new Map<Canvas, Shown>();
  #inside = false;
  #timer: NodeJS.Timeout | NodeJS.Immediate | undefined;
  #lastFlush = 0;

  /**
   * `fold` turns text into what the terminal can show (ASCII only, say). `failed` gets what a canvas throws in a frame
   * that was scheduled.
   */
  constructor(
    terminal: Terminal,
    fold: (text: string) => string = (text) => text,
    failed: (error: unknown) => void = (error) => {
      throw error;
    },
  ) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
    this.#fold = fold;
    this.#failed = failed;
    this.columns = terminal.columns || FALLBACK.columns;
    this.rows = terminal.rows || FALLBACK.rows;
  }

  /** For ink, which asks its output stream. */
  getColorDepth(): number {
    return 24;
  }

  /** Takes the terminal: the next flush paints all of it. */
  enter(): void {
    if (this.#inside) return;
    this.#inside = true;
    this.#terminal.write(ENTER);
    this.repaint();
  }

  /** Gives the terminal back as it was. */
  leave(): void {
    if (!this.#inside) return;
    this.#inside = false;
    this.#cancelTimer();
    this.#terminal.write(LEAVE);
  }

  /** Takes over the terminal's size after it changed. */
  measure(): void {
    this.columns = this.#terminal.columns || FALLBACK.columns;
    this.rows = this.#terminal.rows || FALLBACK.rows;
    this.repaint();
  }

  /** Forgets what the terminal shows: the next flush sends everything. */
  repaint(): void {
    this.#shownFrame = [];
    this.#shown = new Map();
    this.schedule();
  }

  /** Something changed: a flush comes soon. */
  schedule(): void {
    if (!this.#inside || this.#timer) return;
    const wait = this.#lastFlush + FRAME - performance.now();
    const flush = (): void => {
      this.#timer = undefined;
      try {
        this.flush();
      } catch (error) {
        this.#failed(error);
      }
    };
    this.#timer = wait > 1 ? setTimeout(flush, wait) : setImmediate(flush);
  }

  addCanvas(canvas: Canvas): () => void {
    this.#canvases.add(canvas);
    this.schedule();
    return () => {
      this.#canvases.delete(canvas);
      this.schedule();
    };
  }

  override _write(chunk: unknown, _encoding: string, done: (error?: Error | null) => void): void {
    this.#frame = String(chunk).split('\n');
    this.schedule();
    done();
  }

  /** Sends what changed, at once. */
  flush(): void {
    this.#cancelTimer();
    if (!this.#inside) return;
    this.#lastFlush = performance.now();
    const painted = this.#paint();
    const { changes, dirty } = this.#changedFrameRows(painted);
    let cursor: { x: number; y: number } | undefined;
    const shown = new Map<Canvas, Shown>();
    for (const { canvas, place, painting } of painted) {
      if (painting.cursor) cursor = { x: place.x + painting.cursor.x, y: place.y + painting.cursor.y };
      const before = this.#shown.get(canvas);
      const same = before && samePlace(before.place, place) ? before.rows : undefined;
      const end = Math.min(place.height, this.rows - place.y);
      for (let i = 0; i < end; i++) {
        const row = painting.rows[i] ?? '';
        if (same?.[i] === row && !dirty.has(place.y + i)) continue;
        changes.push(at(place.x, place.y + i), this.#fold(row), RESET);
      }
      shown.set(canvas, { place, rows: painting.rows });
    }
    this.#shown = shown;
    const end = cursor ? at(cursor.x, cursor.y) + SHOW_CURSOR : '';
    if (changes.length === 0 && end === this.#cursorText) return;
    this.#cursorText = end;
    this.frames++;
    this.#terminal.write(BEGIN + changes.join('') + end + END);
  }

  /** Where the cursor was left. */
  #cursorText = '';

  /** Every canvas that has a place. */
  #paint(): Painted[] {
    const painted: Painted[] = [];
    for (const canvas of this.#canvases) {
      const place = canvas.place();
      if (!place || place.width < 1 || place.height < 1) continue;
      painted.push({ canvas, place, painting: canvas.draw(place.width, place.height) });
    }
    return painted;
  }

  /**
   * ink's own text; a row of it that is sent again takes the canvases on it along. A row that canvases cover from side
   * to side is not erased first: output that comes in pieces never shows a screen half empty.
   */
  #changedFrameRows(painted: readonly Painted[]): { changes: string[]; dirty: ReadonlySet<number> } {
    const changes: string[] = [];
    const dirty = new Set<number>();
    const covered = new Uint32Array(this.rows);
    for (const { place } of painted) {
      const end = Math.min(place.y + place.height, this.rows);
      for (let y = place.y; y < end; y++) covered[y] = (covered[y] as number) + place.width;
    }
    for (let y = 0; y < this.rows; y++) {
      const row = this.#frame[y] ?? '';
      if (this.#shownFrame[y] === row) continue;
      dirty.add(y);
      if (row === '' && (covered[y] as number) >= this.columns) continue;
      changes.push(at(0, y), this.#fold(row), RESET, '\x1b[K');
    }
    this.#shownFrame = Array.from({ length: this.rows }, (_, y) => this.#frame[y] ?? '');
    return { changes, dirty };
  }

  #cancelTimer(): void {
    if (!this.#timer) return;
    clearTimeout(this.#timer as NodeJS.Timeout);
    clearImmediate(this.#timer as NodeJS.Immediate);
    this.#timer = undefined;
  }
}

function samePlace(a: Rectangle, b: Rectangle): boolean {
  return a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}
