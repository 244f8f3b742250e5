/** A prompt under test: keys by their names, and what it paints with marks instead of colours. */

import type { CompletionContext } from '../../../src/commands/complete.ts';
import { type Key, keyNamed, textKey } from '../../../src/repl/prompt/key.ts';
import { Prompt, type PromptEvent } from '../../../src/repl/prompt/prompt.ts';
import type { PromptStyle } from '../../../src/repl/prompt/prompt-style.ts';
import type { PastLines } from '../../../src/repl/prompt/recall.ts';

/** `C-a`, `M-f`, `S-tab`, `left`; anything in quotes is typed. */
export function keyOf(chord: string): Key {
  if (chord.startsWith("'")) return textKey(chord.slice(1, -1));
  const match = /^(C-)?(M-)?(S-)?(.+)$/.exec(chord) as RegExpExecArray;
  return keyNamed(match[4] as string, { ctrl: !!match[1], meta: !!match[2], shift: !!match[3] });
}

/** `command`, [ghost], <current>, (faint), !bad!, {selected}. */
export const MARKED: PromptStyle = {
  ascii: false,
  command: (s) => `\`${s}\``,
  ghost: (s) => `[${s}]`,
  current: (s) => `<${s}>`,
  faint: (s) => s,
  bad: (s) => `!${s}!`,
  selected: (s) => `{${s}}`,
};

export class Lines implements PastLines {
  readonly lines: string[];
  constructor(...lines: string[]) {
    this.lines = lines;
  }
  add(line: string): void {
    this.lines.push(line);
  }
}

export class Typist {
  readonly prompt: Prompt;
  readonly past: Lines;

  constructor(past: readonly string[] = [], context: CompletionContext = {}) {
    this.past = new Lines(...past);
    this.prompt = new Prompt(this.past, context);
    this.prompt.label = '> ';
  }

  /** Answers what came of the last key. */
  press(chords: string): PromptEvent | undefined {
    let event: PromptEvent | undefined;
    for (const chord of chords.match(/'[^']*'|\S+/g) ?? []) event = this.prompt.key(keyOf(chord));
    return event;
  }

  /** The text with `^` where the cursor is. */
  get line(): string {
    const { text, cursor } = this.prompt;
    return `${text.slice(0, cursor)}^${text.slice(cursor)}`;
  }

  row(width = 60): string {
    return this.prompt.paint(width, 1, MARKED).lines.join('\n');
  }

  hint(width = 80): string {
    return this.prompt.hint(width, MARKED).trim();
  }

  menu(rows = 20, width = 80): string[] {
    return this.prompt.menu(width, rows, MARKED);
  }
}
