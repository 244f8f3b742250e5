/** One press of a key, whatever bytes the terminal made of it. */

export interface Key {
  /**
   * `text` for what types itself; else `return`, `tab`, `backspace`, `delete`, `insert`, `escape`, `up`, `down`, `left`,
   * `right`, `home`, `end`, `pageup`, `pagedown`, `f1` … `f12`, `space` (with ctrl), or, with ctrl or meta, the
   * character in lower case.
   */
  readonly name: string;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly shift: boolean;
  /** `text` only: what was typed, without control characters; several characters when they came in one piece. */
  readonly text: string;
}

export interface Modifiers {
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly shift?: boolean;
}

export function keyNamed(name: string, { ctrl = false, meta = false, shift = false }: Modifiers = {}): Key {
  return { name, ctrl, meta, shift, text: '' };
}

export function textKey(text: string): Key {
  return { name: 'text', ctrl: false, meta: false, shift: false, text };
}

/** A name for tables of keys: `C-a`, `M-f`, `C-left`, `S-tab`, `f5`; `text` for all that types itself. */
export function chordOf({ name, ctrl, meta, shift }: Key): string {
  return `${ctrl ? 'C-' : ''}${meta ? 'M-' : ''}${shift ? 'S-' : ''}${name}`;
}
