/** The one place that writes to the terminal: what it sends, and that a terminal which takes it shows what was meant. */
import xterm from '@xterm/headless';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Canvas, type Painting, type Rectangle, Screen } from '../../src/repl/screen.ts';
import { pause } from './running.ts';

class Paper {
  columns: number;
  rows: number;
  readonly writes: string[] = [];

  constructor(columns = 20, rows = 5) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    this.writes.push(text);
  }

  /** What was sent since the last call. */
  sent(): string {
    return this.writes.splice(0).join('');
  }
}

function canvas(
  place: Rectangle,
  rows: readonly string[],
  cursor?: Painting['cursor'],
): Canvas & { rows: readonly string[] } {
  const made = {
    rows,
    place: () => place,
    draw: (): Painting => ({ rows: made.rows, ...(cursor ? { cursor } : {}) }),
  };
  return made;
}

function entered(columns = 20, rows = 5): { screen: Screen; paper: Paper } {
  const paper = new Paper(columns, rows);
  const screen = new Screen(paper);
  screen.enter();
  return { screen, paper };
}

const FULL = { x: 0, y: 0, width: 20, height: 3 };

describe('a flush', () => {
  it('sends the rows that changed, and those only', () => {
    const { screen, paper } = entered();
    const one = canvas(FULL, ['first', 'second', 'third']);
    screen.addCanvas(one);
    screen.flush();
    expect(paper.sent()).toContain('second');
    one.rows = ['first', 'SECOND', 'third'];
    screen.flush();
    const sent = paper.sent();
    expect(sent).toContain('\x1b[2;1HSECOND');
    expect(sent).not.toMatch(/first|third/);
  });

  it('erases no row that canvases cover, also when all is sent anew', () => {
    const { screen, paper } = entered();
    screen.addCanvas(canvas({ x: 0, y: 0, width: 12, height: 5 }, ['a', 'b', 'c', 'd', 'e']));
    screen.addCanvas(canvas({ x: 12, y: 0, width: 8, height: 4 }, ['A', 'B', 'C', 'D']));
    screen.flush();
    paper.sent();
    screen.repaint();
    screen.flush();
    const sent = paper.sent();
    expect(sent).toContain('\x1b[4;13HD');
    // The last row has eight columns that nobody paints.
    expect(sent.match(/\x1b\[\d+;1H[^\x1b]*\x1b\[0m\x1b\[K/g)).toEqual(['\x1b[5;1H\x1b[0m\x1b[K']);
  });

  it('sends nothing when nothing changed', () => {
    const { screen, paper } = entered();
    screen.addCanvas(canvas(FULL, ['first', 'second', 'third'], { x: 2, y: 1 }));
    screen.flush();
    paper.sent();
    const { frames } = screen;
    screen.flush();
    screen.schedule();
    screen.flush();
    expect(paper.writes).toEqual([]);
    expect(screen.frames).toBe(frames);
  });

  it('is one write, hidden cursor first', () => {
    const { screen, paper } = entered();
    paper.sent();
    screen.addCanvas(canvas(FULL, ['a', 'b', 'c']));
    screen.flush();
    expect(paper.writes).toHaveLength(1);
    expect(paper.writes[0]).toMatch(/^\x1b\[\?2026h\x1b\[\?25l[\s\S]*\x1b\[\?2026l$/);
  });

  it('shows the cursor where a canvas says, and moves it without sending rows', () => {
    const { screen, paper } = entered();
    const place = { x: 3, y: 2, width: 10, height: 1 };
    let x = 1;
    screen.addCanvas({ place: () => place, draw: () => ({ rows: ['prompt'], cursor: { x, y: 0 } }) });
    screen.flush();
    expect(paper.sent()).toContain('\x1b[3;5H\x1b[?25h');
    x = 2;
    screen.flush();
    const sent = paper.sent();
    expect(sent).toContain('\x1b[3;6H\x1b[?25h');
    expect(sent).not.toContain('prompt');
  });

  it('leaves a neighbour on the same row alone', () => {
    const { screen, paper } = entered();
    const left = canvas({ x: 0, y: 0, width: 10, height: 2 }, ['left1     ', 'left2     ']);
    screen.addCanvas(left);
    screen.addCanvas(canvas({ x: 10, y: 0, width: 10, height: 2 }, ['right1', 'right2']));
    screen.flush();
    paper.sent();
    left.rows = ['LEFT1     ', 'left2     '];
    screen.flush();
    const sent = paper.sent();
    expect(sent).toContain('LEFT1');
    expect(sent).not.toMatch(/right|left2/);
  });

  it('sends all of it after a resize, at the new size', () => {
    const { screen, paper } = entered();
    screen.addCanvas(canvas(FULL, ['first', 'second', 'third']));
    screen.flush();
    paper.sent();
    paper.columns = 40;
    paper.rows = 2;
    screen.measure();
    screen.flush();
    expect([screen.columns, screen.rows]).toEqual([40, 2]);
    const sent = paper.sent();
    expect(sent).toContain('first');
    expect(sent).toContain('second');
    // Below the last row there is nothing to write on.
    expect(sent).not.toContain('third');
  });

  it('takes 80x24 for a terminal that does not know its size', () => {
    const screen = new Screen(new Paper(0, 0));
    expect([screen.columns, screen.rows]).toEqual([80, 24]);
  });

  it('passes over a canvas without a place', () => {
    const { screen, paper } = entered();
    screen.addCanvas({ place: () => undefined, draw: () => expect.fail('was painted') });
    screen.addCanvas({ place: () => ({ ...FULL, height: 0 }), draw: () => expect.fail('was painted') });
    screen.addCanvas(canvas(FULL, ['there', '', '']));
    screen.flush();
    expect(paper.sent()).toContain('there');
  });

  it('paints what a canvas that went away had covered', () => {
    const { screen, paper } = entered();
    const below = canvas({ ...FULL, height: 3 }, ['below', 'below', 'below']);
    screen.addCanvas(below);
    screen.flush();
    const gone = screen.addCanvas(canvas({ ...FULL, height: 1 }, ['over']));
    screen.flush();
    expect(paper.sent()).toContain('over');
    gone();
    // The layout changed: whoever stands there now has another place, or is new.
    screen.addCanvas(canvas({ ...FULL, height: 1 }, ['under']));
    screen.flush();
    expect(paper.sent()).toContain('under');
  });
});

describe('taking and leaving the terminal', () => {
  it('leaves once, however often it is asked', () => {
    const { screen, paper } = entered();
    paper.sent();
    screen.leave();
    screen.leave();
    expect(paper.writes).toHaveLength(1);
    expect(paper.sent()).toMatch(/\x1b\[\?25h.*\x1b\[\?1049l$/);
  });

  it('writes nothing before it has entered, nor after it has left', async () => {
    const paper = new Paper();
    const screen = new Screen(paper);
    screen.addCanvas(canvas(FULL, ['a', 'b', 'c']));
    screen.schedule();
    screen.flush();
    await pause(30);
    expect(paper.writes).toEqual([]);
    screen.enter();
    screen.schedule();
    screen.leave();
    paper.sent();
    await pause(30);
    expect(paper.writes).toEqual([]);
  });

  it('sends everything again when it comes back', () => {
    const { screen, paper } = entered();
    screen.addCanvas(canvas(FULL, ['first', 'second', 'third']));
    screen.flush();
    screen.leave();
    paper.sent();
    screen.enter();
    screen.flush();
    expect(paper.sent()).toMatch(/first[\s\S]*second[\s\S]*third/);
  });

  it('many changes make one frame', async () => {
    const { screen } = entered();
    const one = canvas(FULL, ['0', '', '']);
    screen.addCanvas(one);
    screen.flush();
    const before = screen.frames;
    for (let i = 1; i <= 1000; i++) {
      one.rows = [String(i), '', ''];
      screen.schedule();
    }
    await pause(40);
    expect(screen.frames).toBe(before + 1);
  });
});

describe('a terminal that takes what is sent', () => {
  const COLUMNS = 24;
  const ROWS = 8;
  const text = fc.stringMatching(/^[a-z é█│漢]*$/);
  /** Bands of rows, each cut into canvases side by side: the whole screen is covered. */
  const frame = fc.record({
    bands: fc.array(
      fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(fc.integer({ min: 1, max: 10 }), { maxLength: 3 })),
      {
        minLength: 1,
        maxLength: 5,
      },
    ),
    texts: fc.array(text, { minLength: 1, maxLength: 12 }),
    size: fc.constantFrom([COLUMNS, ROWS], [30, 10], [9, 3], [COLUMNS, ROWS]),
  });

  interface Placed {
    readonly place: Rectangle;
    readonly rows: readonly string[];
  }

  function placed(
    bands: readonly [number, readonly number[]][],
    texts: readonly string[],
    columns: number,
    rows: number,
  ): Placed[] {
    const out: Placed[] = [];
    let y = 0;
    for (const [i, [high, widths]] of bands.entries()) {
      const height = i === bands.length - 1 ? rows - y : Math.min(high, rows - y);
      let x = 0;
      for (const [j, wide] of [...widths, columns].entries()) {
        const width = Math.min(j === widths.length ? columns : wide, columns - x);
        if (width > 0 && height > 0) {
          const lines = Array.from({ length: height }, (_, n) =>
            padded(texts[(i + j + n) % texts.length] as string, width),
          );
          out.push({ place: { x, y, width, height }, rows: lines });
        }
        x += Math.max(0, width);
      }
      y += Math.max(0, height);
    }
    return out;
  }

  /** Exactly `width` columns, by what the terminal counts: the ideograph takes two. */
  function padded(line: string, width: number): string {
    let out = '';
    let used = 0;
    for (const c of line) {
      const wide = c === '漢' ? 2 : 1;
      if (used + wide > width) break;
      out += c;
      used += wide;
    }
    return out + ' '.repeat(width - used);
  }

  function meant(canvases: readonly Placed[], rows: number): string[] {
    const lines = Array.from({ length: rows }, () => '');
    for (const { place, rows: own } of canvases) {
      for (const [i, line] of own.entries()) lines[place.y + i] += line;
    }
    return lines.map((line) => line.trimEnd());
  }

  it('shows the frame that was meant, whatever was there before', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), async (frames) => {
        const terminal = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true });
        const paper = new Paper(COLUMNS, ROWS);
        const screen = new Screen(paper);
        screen.enter();
        let remove: (() => void)[] = [];
        for (const { bands, texts, size } of frames) {
          const [columns, rows] = size as [number, number];
          if (columns !== paper.columns || rows !== paper.rows) {
            terminal.resize(columns, rows);
            Object.assign(paper, { columns, rows });
            screen.measure();
          }
          const canvases = placed(bands, texts, columns, rows);
          for (const one of remove) one();
          remove = canvases.map(({ place, rows: lines }) => screen.addCanvas(canvas(place, lines)));
          screen.flush();
          await new Promise<void>((done) => terminal.write(paper.sent(), done));
          const { active } = terminal.buffer;
          const shown = Array.from(
            { length: rows },
            (_, y) => active.getLine(y)?.translateToString(true, 0, columns) ?? '',
          );
          expect(shown.map((line) => line.trimEnd())).toEqual(meant(canvases, rows));
        }
        screen.leave();
        terminal.dispose();
      }),
      { numRuns: 150 },
    );
  });
});
