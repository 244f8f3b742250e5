/**
 * Styled text fitted into columns: measured, cut, padded, sliced and wrapped, with styles closed at every cut.
 * Text of plain printable ASCII takes a fast way everywhere.
 */
import { eachPiece, isPlainRun } from './pieces.ts';
import { Sgr } from './sgr.ts';

const RESET = '\x1b[0m';

/** Columns. */
export function widthOf(text: string): number {
  if (isPlainRun(text)) return text.length;
  let width = 0;
  eachPiece(text, (_, columns) => {
    width += columns;
  });
  return width;
}

/** The text without its styles. */
export function unstyled(text: string): string {
  return text.includes('\x1b') ? text.replace(/\x1b\[[0-9;:]*m/g, '') : text;
}

/**
 * The text in exactly `width` columns: padded with blanks, or cut. `cut` (one column; '' when absent) takes the last
 * column of text that was cut.
 */
export function fitTo(text: string, width: number, cut = ''): string {
  if (width <= 0) return '';
  if (isPlainRun(text)) {
    if (text.length === width) return text;
    if (text.length < width) return text + ' '.repeat(width - text.length);
    return cut === '' ? text.slice(0, width) : text.slice(0, width - 1) + cut;
  }
  const whole = head(text, width);
  if (whole.complete) return whole.text + ' '.repeat(width - whole.width);
  if (cut === '') return whole.text + ' '.repeat(width - whole.width);
  const part = head(text, width - 1);
  return part.text + ' '.repeat(width - 1 - part.width) + cut;
}

/** As `fitTo`, but a text with room to spare stands at the right. */
export function fitRight(text: string, width: number, cut = ''): string {
  const room = width - widthOf(text);
  return room > 0 ? ' '.repeat(room) + text : fitTo(text, width, cut);
}

/** The text when it fits, else its first `width` columns with `cut` in the last one. Not padded. */
export function cutTo(text: string, width: number, cut = ''): string {
  return widthOf(text) <= width ? text : fitTo(text, width, cut);
}

/** The text when it fits, else its first and last columns with `cut` between: for names, whose end tells most. */
export function cutMiddle(text: string, width: number, cut: string): string {
  const columns = widthOf(text);
  if (columns <= width) return text;
  if (width < 5) return fitTo(text, width, cut);
  const tail = Math.ceil((width - 1) / 2);
  return fitTo(text, width - 1 - tail) + cut + slice(text, columns - tail, columns);
}

/** Columns `from` .. `to` - 1, exactly; half of a wide character at either end is a blank. */
export function slice(text: string, from: number, to: number): string {
  if (to <= from) return '';
  if (isPlainRun(text)) return text.slice(from, to).padEnd(to - from);
  const styles = new Sgr();
  let out = '';
  let at = 0;
  let written = 0;
  eachPiece(text, (piece, width, kind) => {
    if (kind === 'sgr') {
      styles.take(piece);
      if (written > 0) out += piece;
      return true;
    }
    const start = Math.max(from, at);
    const end = Math.min(to, at + width);
    if (end > start || (width === 0 && at > from && at < to)) {
      if (written === 0) out += styles.open;
      out +=
        kind === 'run' ? piece.slice(start - at, end - at) : end - start === width ? piece : ' '.repeat(end - start);
      written += end - start;
    }
    at += width;
    return at < to;
  });
  return out + (styles.open === '' ? '' : RESET) + ' '.repeat(to - from - written);
}

/** What of `text` fits `width` columns, with its styles closed. */
function head(text: string, width: number): { text: string; width: number; complete: boolean } {
  let out = '';
  let used = 0;
  let styled = false;
  let complete = true;
  eachPiece(text, (piece, columns, kind) => {
    if (kind === 'sgr') {
      styled = true;
      out += piece;
      return true;
    }
    if (used + columns <= width) {
      out += piece;
      used += columns;
      return true;
    }
    complete = false;
    if (kind === 'run') {
      out += piece.slice(0, width - used);
      used = width;
    }
    return false;
  });
  return { text: styled && !complete ? out + RESET : out, width: used, complete };
}

/**
 * The text in rows of at most `width` columns (at least 1), none padded, each with its styles whole. Rows break at the
 * last blank where there is one in the row's second half, else anywhere between two characters.
 */
export function wrap(text: string, width: number): string[] {
  if (text.length <= width && isPlainRun(text)) return [text];
  return new Wrapper(Math.max(1, width)).wrap(text);
}

class Wrapper {
  readonly #width: number;
  readonly #rows: string[] = [];
  readonly #styles = new Sgr();
  #row = '';
  #used = 0;
  /** Of the row: length of text and columns up to and with the last blank, and the styles there. */
  #blank = { length: 0, used: 0, open: '' };

  constructor(width: number) {
    this.#width = width;
  }

  wrap(text: string): string[] {
    eachPiece(text, (piece, width, kind) => {
      if (kind === 'sgr') {
        this.#styles.take(piece);
        this.#row += piece;
      } else if (kind === 'run') {
        this.#run(piece);
      } else {
        this.#cluster(piece, width);
      }
    });
    this.#end(this.#row, this.#styles.open);
    return this.#rows;
  }

  #cluster(piece: string, width: number): void {
    // A cluster wider than a row has no place at all.
    const [shown, columns] = width > this.#width ? ['?', 1] : [piece, width];
    if (this.#used + columns > this.#width) this.#break();
    this.#row += shown;
    this.#used += columns;
  }

  #run(piece: string): void {
    let at = 0;
    while (at < piece.length) {
      const room = this.#width - this.#used;
      if (room === 0) {
        this.#break(piece.charAt(at) === ' ');
        if (piece.charAt(at) === ' ') at++;
        continue;
      }
      const part = piece.slice(at, at + room);
      const blank = part.lastIndexOf(' ');
      if (blank >= 0) {
        const length = this.#row.length + blank + 1;
        this.#blank = { length, used: this.#used + blank + 1, open: this.#styles.open };
      }
      this.#row += part;
      this.#used += part.length;
      at += part.length;
    }
  }

  /** Ends the row: `here`, or at its last blank when that is not too far back. */
  #break(here = false): void {
    const { length, used, open } = this.#blank;
    const row = this.#row;
    if (here || used <= this.#width / 2) {
      this.#end(row, this.#styles.open);
      this.#row = this.#styles.open;
      this.#used = 0;
    } else {
      this.#end(row.slice(0, length - 1), open);
      this.#row = open + row.slice(length);
      this.#used -= used;
    }
    this.#blank = { length: 0, used: 0, open: '' };
  }

  #end(row: string, open: string): void {
    this.#rows.push(open === '' ? row : row + RESET);
  }
}
