/**
 * What a terminal sends for a key, by the name a person would give it: `enter`, `ctrl-c`, `alt-f`, `shift-tab`, `f6`,
 * `ctrl-left`. As xterm and all that imitate it send them.
 */

const PLAIN: Readonly<Record<string, string>> = {
  enter: '\r',
  tab: '\t',
  escape: '\x1b',
  backspace: '\x7f',
  space: ' ',
  'shift-tab': '\x1b[Z',
};

/** Keys that end in a letter, and take modifiers as `ESC [ 1 ; M letter`. */
const LETTERS: Readonly<Record<string, string>> = {
  up: 'A',
  down: 'B',
  right: 'C',
  left: 'D',
  home: 'H',
  end: 'F',
  f1: 'P',
  f2: 'Q',
  f3: 'R',
  f4: 'S',
};

/** Keys that are a number, `ESC [ N ~`, with modifiers `ESC [ N ; M ~`. */
const NUMBERS: Readonly<Record<string, number>> = {
  insert: 2,
  delete: 3,
  pageup: 5,
  pagedown: 6,
  f5: 15,
  f6: 17,
  f7: 18,
  f8: 19,
  f9: 20,
  f10: 21,
  f11: 23,
  f12: 24,
};

const MODIFIERS: Readonly<Record<string, number>> = { shift: 1, alt: 2, ctrl: 4 };

/** `applicationCursor`: the program has asked for the other form of the arrow keys (DECCKM). Throws on unknown names. */
export function keySequence(name: string, applicationCursor = false): string {
  const plain = PLAIN[name];
  if (plain !== undefined) return plain;
  const words = name.split('-');
  // `ctrl--` and `-`: the key is a hyphen.
  const key = name.endsWith('-') ? '-' : (words.at(-1) ?? '');
  const held = words.slice(0, -1).filter((word) => word in MODIFIERS);
  const code = held.reduce((sum, word) => sum + (MODIFIERS[word] ?? 0), 0);
  const letter = LETTERS[key];
  if (letter !== undefined) {
    if (code > 0) return `\x1b[1;${code + 1}${letter}`;
    return /^f\d/.test(key) || applicationCursor ? `\x1bO${letter}` : `\x1b[${letter}`;
  }
  const number = NUMBERS[key];
  if (number !== undefined) return code > 0 ? `\x1b[${number};${code + 1}~` : `\x1b[${number}~`;
  const text = PLAIN[key] ?? key;
  if (text.length !== 1) throw new Error(`no key is called '${name}'`);
  const control = held.includes('ctrl') ? String.fromCharCode(text.toUpperCase().charCodeAt(0) & 0x1f) : text;
  return held.includes('alt') ? `\x1b${control}` : control;
}
