/** Terminals that end with the test, copies of the samples to change, and what a program must leave behind. */
import { cpSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { testFolder } from '../support/qemu.ts';
import {
  ALTERNATE_SCREEN,
  CURSOR_VISIBLE,
  open,
  openShell,
  type Terminal,
  type TerminalOptions,
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
  expect([...terminal.modes].filter((mode) => mode !== ALTERNATE_SCREEN)).toEqual([CURSOR_VISIBLE]);
  expect(terminal.erasedScrollbacks, 'wiped the scrollback').toBe(0);
}
