/** Terminals that end with the test, copies of the samples to change, and what a program must leave behind. */
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { testFolder } from '../support/qemu.ts';
import {
  CURSOR_VISIBLE,
  type Expected,
  open,
  openShell,
  type Terminal,
  type TerminalOptions,
  WRAPAROUND,
} from '../support/terminal.ts';

export const SAMPLES = resolve(import.meta.dirname, '../../sample-images');
export const START = join(SAMPLES, 'start.qcow2');

function forTest(terminal: Terminal): Terminal {
  onTestFinished(() => terminal.close());
  return terminal;
}

/** The built program in a terminal until the test ends. */
export function program(args: readonly string[], options: TerminalOptions = {}): Terminal {
  return forTest(open(args, options));
}

/** A shell with the program in it, until the test ends; waits for its prompt. */
export async function shell(options: TerminalOptions = {}): Promise<Terminal> {
  const terminal = forTest(openShell(options));
  await terminal.until('sh$');
  return terminal;
}

/** A copy of a sample image that the test may change: its folder and its path. */
export function copyOf(sample: string): { readonly folder: string; readonly path: string } {
  const folder = testFolder();
  const path = join(folder, sample);
  cpSync(join(SAMPLES, sample), path);
  return { folder, path };
}

/** The terminal is as a user wants it back: the main screen, a cursor, and no mode that the program had put on. */
export function expectRestored(terminal: Terminal): void {
  expect(terminal.isAlternate(), 'alternate screen').toBe(false);
  expect([...terminal.modes].sort((a, b) => a - b)).toEqual([WRAPAROUND, CURSOR_VISIBLE]);
  expect(terminal.erasedScrollbacks, 'wiped the scrollback').toBe(0);
}

/** The screen with an image on it, until the test ends; waits until the image has been walked. */
export async function screenOf(args: readonly string[], options: TerminalOptions = {}): Promise<Terminal> {
  const terminal = program(args, options);
  await ready(terminal);
  return terminal;
}

/** Until the prompt stands there with the cursor in it. */
export async function ready(terminal: Terminal): Promise<void> {
  await terminal.until((screen) => {
    const { x, y } = terminal.cursor();
    // While a panel has the keys the cursor is hidden, wherever it was left.
    const shown = [...terminal.modes].includes(CURSOR_VISIBLE);
    const there = x === PROMPT.length && (screen[y] ?? '').trimEnd() === PROMPT.trimEnd();
    return terminal.isAlternate() && shown && there;
  });
}

const PROMPT = 'platter> ';

/** Types a line, and waits until what is expected of it is so. */
export async function say(terminal: Terminal, line: string, expected: Expected): Promise<void> {
  terminal.enter(line);
  await terminal.until(expected);
}

/** Until no command runs any more: an answer is on the screen a moment before that. Ctrl-C tells, and does no harm then. */
export async function idle(terminal: Terminal): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    terminal.press('ctrl-c');
    try {
      return await terminal.until('nothing runs', 300);
    } catch (error) {
      if (attempt === 20) throw error;
    }
  }
}
