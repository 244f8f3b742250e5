/**
 * The escape sequences that stand for keys: of xterm and its many kin, of the Linux console, of rxvt, and the two
 * ways of reporting any key with any modifier (xterm's modifyOtherKeys and kitty's), which a program before us may
 * have left switched on.
 */
import { type Key, keyNamed, type Modifiers, textKey } from './key.ts';

const LETTERS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
};

const RXVT_ARROWS: Readonly<Record<string, string>> = { a: 'up', b: 'down', c: 'right', d: 'left' };

const NUMBERS: Readonly<Record<number, string>> = {
  1: 'home',
  2: 'insert',
  3: 'delete',
  4: 'end',
  5: 'pageup',
  6: 'pagedown',
  7: 'home',
  8: 'end',
  11: 'f1',
  12: 'f2',
  13: 'f3',
  14: 'f4',
  15: 'f5',
  17: 'f6',
  18: 'f7',
  19: 'f8',
  20: 'f9',
  21: 'f10',
  23: 'f11',
  24: 'f12',
};

/** kitty's numbers for the number pad, from 57399 on: what it types or does. */
const KITTY_PAD_FIRST = 57399;
const KITTY_PAD = [
  ...'0123456789./*-+',
  'return',
  '=',
  ',',
  'left',
  'right',
  'up',
  'down',
  'pageup',
  'pagedown',
  'home',
  'end',
  'insert',
  'delete',
];

/** The application keypad: `ESC O j` … `ESC O y`, and its Enter. */
const PAD_LETTERS: Readonly<Record<string, string>> = {
  ...Object.fromEntries([...'*+,-./0123456789'].map((c, i) => [String.fromCharCode(0x6a + i), c])),
  X: '=',
};

const RELEASED = 3;

/** `ESC [` parameters final. Undefined: a report of the terminal, or a key nobody has. */
export function csiKey(params: string, final: string): Key | undefined {
  if (final === 'u') return kittyKey(params);
  if (final === '~') return numberedKey(params, {});
  if (final === '^') return numberedKey(params, { ctrl: true });
  if (final === '$') return numberedKey(params, { shift: true });
  if (final === '@') return numberedKey(params, { ctrl: true, shift: true });
  if (final === 'Z') return keyNamed('tab', { shift: true });
  const rxvt = RXVT_ARROWS[final];
  if (rxvt) return params === '' ? keyNamed(rxvt, { shift: true }) : undefined;
  const name = LETTERS[final];
  // A cursor position report ends like F3: what is not `1;modifiers` is none of our keys.
  const match = name === undefined ? undefined : /^1?(?:;(\d+)(?::(\d+))?)?$/.exec(params);
  if (!name || !match || Number(match[2]) === RELEASED) return undefined;
  return keyNamed(name, modifiers(match[1]));
}

/** `ESC O` parameters final. */
export function ss3Key(params: string, final: string): Key | undefined {
  if (final === 'M') return keyNamed('return');
  const typed = PAD_LETTERS[final];
  if (typed) return textKey(typed);
  const rxvt = RXVT_ARROWS[final];
  if (rxvt) return keyNamed(rxvt, { ctrl: true });
  const name = LETTERS[final];
  return name ? keyNamed(name, modifiers(params)) : undefined;
}

/** `ESC [ [ A` … `E`: the Linux console's F1 … F5. */
export function linuxKey(letter: string): Key | undefined {
  const index = 'ABCDE'.indexOf(letter);
  return index < 0 ? undefined : keyNamed(`f${index + 1}`);
}

/** A control character as the key that makes it. */
export function controlKey(code: number, meta = false): Key {
  if (code === 0x0d || code === 0x0a) return keyNamed('return', { meta });
  if (code === 0x09) return keyNamed('tab', { meta });
  if (code === 0x1b) return keyNamed('escape', { meta });
  if (code === 0x08 || code === 0x7f) return keyNamed('backspace', { meta });
  if (code === 0) return keyNamed('space', { ctrl: true, meta });
  return keyNamed(String.fromCharCode(code + 0x40).toLowerCase(), { ctrl: true, meta });
}

/** A printable ASCII character with Meta. */
export function metaKey(character: string): Key {
  return keyNamed(character.toLowerCase(), { meta: true, shift: /[A-Z]/.test(character) });
}

function numberedKey(params: string, more: Modifiers): Key | undefined {
  const match = /^(\d+)(?:;(\d+)(?::(\d+))?(?:;(\d+))?)?$/.exec(params);
  if (!match || Number(match[3]) === RELEASED) return undefined;
  const number = Number(match[1]);
  // modifyOtherKeys: 27;modifiers;code
  if (number === 27 && match[4] !== undefined) return keyOfCode(Number(match[4]), modifiers(match[2]));
  const name = NUMBERS[number];
  return name ? keyNamed(name, { ...modifiers(match[2]), ...more }) : undefined;
}

/** code[:shifted[:base]] ; modifiers[:event] ; text */
function kittyKey(params: string): Key | undefined {
  const match = /^(\d+)(?::(\d*))?(?::\d*)?(?:;(\d*)(?::(\d+))?)?(?:;(\d+(?::\d+)*))?$/.exec(params);
  if (!match || Number(match[4]) === RELEASED) return undefined;
  const code = Number(match[1]);
  const pressed = modifiers(match[3]);
  const pad = KITTY_PAD[code - KITTY_PAD_FIRST];
  if (pad) return pad.length > 1 ? keyNamed(pad, pressed) : keyOfCode(pad.charCodeAt(0), pressed);
  const plain = !pressed.ctrl && !pressed.meta;
  const typed = match[5]?.split(':').map(Number).filter(isTyped) ?? [];
  if (plain && typed.length > 0) return textKey(String.fromCodePoint(...typed));
  if (plain && pressed.shift && match[2]) return keyOfCode(Number(match[2]), {});
  return keyOfCode(code, pressed);
}

function keyOfCode(code: number, pressed: Modifiers): Key | undefined {
  if (code < 0x20 || code === 0x7f) return { ...controlKey(code), ...pressedOf(pressed) };
  if (!isTyped(code)) return undefined;
  const character = String.fromCodePoint(code);
  if (!pressed.ctrl && !pressed.meta) return textKey(pressed.shift ? character.toUpperCase() : character);
  // Ctrl with @ A … _ makes a control character on every other terminal.
  if (pressed.ctrl && code >= 0x40 && code < 0x7f) return controlKey(code & 0x1f, pressed.meta);
  if (pressed.ctrl && character === ' ') return controlKey(0, pressed.meta);
  return keyNamed(character.toLowerCase(), pressed);
}

function pressedOf({ ctrl = false, meta = false, shift = false }: Modifiers): Required<Modifiers> {
  return { ctrl, meta, shift };
}

/** Not a control character, not one of kitty's private numbers for keys, not half a character. */
function isTyped(code: number): boolean {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code > 0x10ffff) return false;
  return !(code >= 0xd800 && code <= 0xf8ff);
}

/** xterm's number: 1 + shift 1, alt 2, ctrl 4; kitty adds meta 32. */
function modifiers(number: string | undefined): Required<Modifiers> {
  const bits = Math.max(0, Number(number || '1') - 1);
  return { shift: (bits & 1) !== 0, meta: (bits & (2 | 32)) !== 0, ctrl: (bits & 4) !== 0 };
}
