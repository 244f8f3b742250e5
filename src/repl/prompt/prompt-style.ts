/** How the prompt sets parts of its text off; whoever owns the colours gives it. */

export interface PromptStyle {
  /** Glyphs of ASCII only. */
  readonly ascii: boolean;
  /** A command that exists. */
  command(text: string): string;
  /** Text that is not there yet: → takes it. */
  ghost(text: string): string;
  /** The argument under the cursor; what a search found. */
  current(text: string): string;
  faint(text: string): string;
  bad(text: string): string;
  /** The menu's chosen line. */
  selected(text: string): string;
}

const same = (text: string): string => text;

export const PLAIN_PROMPT: PromptStyle = {
  ascii: true,
  command: same,
  ghost: same,
  current: same,
  faint: same,
  bad: same,
  selected: same,
};
