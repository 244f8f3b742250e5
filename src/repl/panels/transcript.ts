/** What was typed and what came of it: follows the newest lines unless it is scrolled. */
import type { Desk } from '../desk.ts';
import { frame, insideFrame } from '../paint/frame.ts';
import { paintTranscript, scrolled, scrolledToStart, transcriptHead, transcriptScroll } from '../paint/transcript.ts';
import type { TranscriptPlace, TranscriptView } from '../paint/views.ts';
import type { Key } from '../prompt/key.ts';
import type { TranscriptLines } from '../transcript-lines.ts';
import { type Panel, strokeOf } from './panel.ts';

export class TranscriptPanel implements Panel {
  readonly name = 'transcript';
  readonly title = 'Transcript';
  readonly keys = [
    { keys: 'j k PgUp PgDn', does: 'scroll' },
    { keys: 'g G', does: 'oldest lines, newest lines' },
  ];
  readonly #desk: Desk;
  readonly #lines: TranscriptLines;
  #top: TranscriptPlace | undefined;
  #size = { width: 80, height: 10 };

  constructor(desk: Desk, lines: TranscriptLines) {
    this.#desk = desk;
    this.#lines = lines;
  }

  key(key: Key): boolean {
    switch (strokeOf(key)) {
      case 'down':
      case 'j':
        return this.scroll(1);
      case 'up':
      case 'k':
        return this.scroll(-1);
      case 'pagedown':
      case ' ':
        return this.page(1);
      case 'pageup':
        return this.page(-1);
      case 'home':
      case 'g':
        this.#top = scrolledToStart(this.#view, this.#size.width, this.#size.height);
        break;
      case 'end':
      case 'G':
        this.#top = undefined;
        break;
      default:
        return false;
    }
    this.#desk.changed();
    return true;
  }

  page(by: 1 | -1): boolean {
    return this.scroll(by * Math.max(1, this.#size.height - 1));
  }

  scroll(by: number): boolean {
    this.#top = scrolled(this.#view, by, this.#size.width, this.#size.height);
    this.#desk.changed();
    return true;
  }

  /** Follows what comes, and remembers where: see `showFrom`. */
  follow(): void {
    this.#top = undefined;
  }

  /** Shows what began at a line, when it is more than fits: its beginning is what a person reads first. */
  showFrom(line: number): void {
    const place = { line: Math.max(line, this.#lines.first), row: 0 };
    const { width, height } = this.#size;
    this.#top = scrolled({ lines: this.#lines, top: place }, 0, width, height);
  }

  text(): string {
    const lines = this.#lines;
    return Array.from({ length: lines.end - lines.first }, (_, i) => `${lines.at(lines.first + i)}\n`).join('');
  }

  paint(width: number, height: number): readonly string[] {
    const { theme, focus } = this.#desk;
    const inner = insideFrame(width, height);
    this.#size = inner;
    return frame(
      { ...transcriptHead(this.#view, inner.width, inner.height, theme), number: 3, focused: focus === this.name },
      paintTranscript(this.#view, inner.width, inner.height, theme),
      width,
      height,
      theme,
      transcriptScroll(this.#view, inner.width, inner.height),
    );
  }

  get #view(): TranscriptView {
    return this.#top === undefined ? { lines: this.#lines } : { lines: this.#lines, top: this.#top };
  }
}
