/**
 * The Style of a terminal that has colours. Loaded only there: the one place besides the screen that knows chalk.
 */
import { Chalk } from 'chalk';
import type { Extent } from '../bytes/extents.ts';
import { PROSE_COLUMNS, type Style } from './style.ts';

/** `level` as chalk counts: 1 sixteen colours, 2 256, 3 millions. Sixteen are enough here. */
const chalk = new Chalk({ level: 1 });

const KIND_COLOURS: Readonly<Partial<Record<Extent['kind'], (text: string) => string>>> = {
  data: chalk.green,
  zero: chalk.blue,
  'zero-allocated': chalk.blue,
  compressed: chalk.magenta,
  encrypted: chalk.yellow,
  unallocated: chalk.dim,
  'unallocated-allocated': chalk.dim,
  invalid: chalk.red.bold,
};

export const COLOURS: Style = {
  columns: PROSE_COLUMNS,
  heading: chalk.bold,
  faint: chalk.dim,
  bad: chalk.red.bold,
  kind: (text, kind) => KIND_COLOURS[kind]?.(text) ?? text,
  underline: chalk.underline,
  look: (text, { ansi256 }) => chalk.ansi256(ansi256)(text),
};
