/** A panel of the screen: it paints itself into any size, and uses the keys while it has the focus. */
import type { PanelName } from '../layout.ts';
import type { KeyHelp } from '../paint/views.ts';
import { chordOf, type Key } from '../prompt/key.ts';

export interface Panel {
  readonly name: PanelName;
  /** In its frame, and over its keys in the help. */
  readonly title: string;
  /** For the help overlay and the row of keys; `does` is short. */
  readonly keys: readonly KeyHelp[];
  /** Answers whether the key was one of the panel's. Keys that are not go to the prompt. */
  key(key: Key): boolean;
  /** Exactly `height` rows of `width` columns. */
  paint(width: number, height: number): readonly string[];
  /** A command whose output is the panel's whole content, for the pager; undefined: there is none. */
  whole?(): string;
  /** The whole content itself, where no command gives it. */
  text?(): string;
}

/** A key as panels name them: what types itself is its own name (`j`, `G`, `/`), others are chords (`C-f`, `pageup`). */
export function strokeOf(key: Key): string {
  return key.name === 'text' && !key.meta ? key.text : chordOf(key);
}

/** The first row of a window `visible` high, so that `cursor` is inside, moved as little as possible. */
export function topFor(cursor: number, top: number, visible: number, total: number): number {
  const highest = Math.max(0, total - visible);
  const wanted = cursor < top ? cursor : cursor >= top + visible ? cursor - visible + 1 : top;
  return Math.max(0, Math.min(highest, wanted));
}
