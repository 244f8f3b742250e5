/** What a terminal can show, as a table; and the terminals chalk knows are known here. */
import { afterEach, describe, expect, it } from 'vitest';
import { capability, colourDepth, type Environment } from '../../../src/repl/capability.ts';

const TTY = { stdin: true, stdout: true, columns: 120 };
const UTF8 = { LANG: 'en_US.UTF-8' };

const COLOURS: readonly (readonly [env: Environment, color: string | undefined, tty: boolean, bits: number])[] = [
  [{ TERM: 'xterm-256color' }, undefined, true, 8],
  [{ TERM: 'xterm-256color' }, undefined, false, 0],
  [{ TERM: 'xterm-256color', COLORTERM: 'truecolor' }, undefined, true, 24],
  [{ TERM: 'xterm', COLORTERM: '24bit' }, undefined, true, 24],
  [{ TERM: 'tmux-256color' }, undefined, true, 8],
  [{ TERM: 'screen-256color' }, undefined, true, 8],
  [{ TERM: 'screen' }, undefined, true, 4],
  [{ TERM: 'xterm-kitty' }, undefined, true, 24],
  [{ TERM: 'xterm-ghostty' }, undefined, true, 24],
  [{ TERM: 'wezterm' }, undefined, true, 24],
  [{ TERM: 'alacritty' }, undefined, true, 24],
  [{ TERM: 'foot' }, undefined, true, 24],
  [{ TERM: 'linux' }, undefined, true, 4],
  [{ TERM: 'dumb' }, undefined, true, 0],
  [{ TERM: 'dumb', COLORTERM: 'truecolor' }, undefined, true, 0],
  [{ TERM: 'never-heard-of' }, undefined, true, 0],
  [{ TERM: 'never-heard-of', COLORTERM: 'yes' }, undefined, true, 4],
  [{}, undefined, true, 0],
  [{ TERM_PROGRAM: 'Apple_Terminal', TERM: 'xterm' }, undefined, true, 8],
  [{ TERM_PROGRAM: 'iTerm.app', TERM_PROGRAM_VERSION: '3.5.0', TERM: 'xterm' }, undefined, true, 24],
  [{ TERM_PROGRAM: 'iTerm.app', TERM: 'xterm' }, undefined, true, 8],
  [{ TERM: 'xterm-256color', NO_COLOR: '1' }, undefined, true, 0],
  [{ TERM: 'xterm-256color', NO_COLOR: '' }, undefined, true, 8],
  [{ TERM: 'xterm-256color', NO_COLOR: '1', FORCE_COLOR: '3' }, undefined, true, 0],
  [{ TERM: 'xterm-256color', NO_COLOR: '1' }, 'always', true, 8],
  [{ TERM: 'xterm', FORCE_COLOR: '3' }, undefined, false, 24],
  [{ TERM: 'xterm', FORCE_COLOR: '2' }, undefined, false, 8],
  [{ TERM: 'xterm-256color', FORCE_COLOR: '1' }, undefined, true, 4],
  [{ TERM: 'xterm-256color', FORCE_COLOR: '0' }, undefined, true, 0],
  [{ TERM: 'xterm-256color', FORCE_COLOR: 'false' }, undefined, true, 0],
  [{ TERM: 'xterm-256color', FORCE_COLOR: '' }, undefined, false, 8],
  [{ FORCE_COLOR: 'true' }, undefined, false, 4],
  [{ TERM: 'xterm-256color', CLICOLOR_FORCE: '1' }, undefined, false, 8],
  [{ CLICOLOR_FORCE: '1' }, undefined, false, 4],
  [{ TERM: 'xterm', CLICOLOR_FORCE: '0' }, undefined, false, 0],
  [{ TERM: 'xterm', CLICOLOR: '0' }, undefined, true, 0],
  [{ TERM: 'xterm-256color' }, 'never', true, 0],
  [{ TERM: 'dumb' }, '16', false, 4],
  [{ TERM: 'dumb' }, '256', false, 8],
  [{ TERM: 'dumb' }, '24bit', false, 24],
  [{ TERM: 'dumb' }, 'always', false, 4],
  [{ TERM: 'xterm-kitty' }, 'always', false, 24],
  [{ TERM: 'xterm-kitty' }, 'auto', false, 0],
];

describe('colours', () => {
  it.each(COLOURS)('%j --color=%s terminal=%s: %s bits', (env, color, tty, bits) => {
    expect(capability(env, { stdin: tty, stdout: tty }, { color }).colour).toBe(bits);
  });
});

describe("chalk's detection", () => {
  const kept = { ...process.env };
  afterEach(() => {
    for (const name of Object.keys(process.env)) if (!(name in kept)) delete process.env[name];
    Object.assign(process.env, kept);
  });

  it('says the same of every terminal it knows', async () => {
    const path = '../../../node_modules/chalk/source/vendor/supports-color/index.js';
    const { createSupportsColor } = await import(path);
    const known = ['xterm', 'xterm-256color', 'xterm-kitty', 'xterm-ghostty', 'wezterm', 'screen', 'screen-256color'];
    known.push('tmux-256color', 'rxvt', 'rxvt-unicode-256color', 'linux', 'cygwin', 'ansi', 'vt220', 'dumb', 'unknown');
    for (const TERM of known) {
      for (const COLORTERM of [undefined, 'truecolor', 'rxvt']) {
        for (const name of Object.keys(process.env)) delete process.env[name];
        const env = COLORTERM === undefined ? { TERM } : { TERM, COLORTERM };
        Object.assign(process.env, env);
        const { level = 0 } = createSupportsColor({ isTTY: true }, { sniffFlags: false }) || {};
        expect({ env, bits: colourDepth(env, true, 'auto') }).toEqual({ env, bits: [0, 4, 8, 24][level] });
      }
    }
  });
});

describe('letters', () => {
  const unicode = (env: Environment, ascii = false): boolean => capability(env, TTY, { ascii }).unicode;

  it('are more than ASCII in a UTF-8 locale only', () => {
    expect(unicode({ TERM: 'xterm', LANG: 'de_DE.utf8' })).toBe(true);
    expect(unicode({ TERM: 'xterm', LC_CTYPE: 'C.UTF-8', LANG: 'C' })).toBe(true);
    expect(unicode({ TERM: 'xterm', LC_ALL: 'C', LANG: 'de_DE.UTF-8' })).toBe(false);
    expect(unicode({ TERM: 'xterm', LC_ALL: '', LANG: 'de_DE.UTF-8' })).toBe(true);
    expect(unicode({ TERM: 'xterm', LANG: 'de_DE.ISO-8859-1' })).toBe(false);
    expect(unicode({ TERM: 'xterm' })).toBe(false);
    expect(unicode({ TERM: 'linux', ...UTF8 })).toBe(false);
    expect(unicode({ TERM: 'xterm', ...UTF8 }, true)).toBe(false);
    expect(unicode({ OS: 'Windows_NT' })).toBe(false);
    expect(unicode({ OS: 'Windows_NT', WT_SESSION: 'x' })).toBe(true);
  });
});

describe('the screen', () => {
  const xterm = { TERM: 'xterm-256color', ...UTF8 };
  it.each([
    [xterm, TTY, {}, ''],
    [{ ...xterm, NO_COLOR: '1' }, TTY, {}, ''],
    [{ ...xterm, CI: 'true' }, TTY, {}, ''],
    [xterm, TTY, { tui: false }, '--no-tui'],
    [xterm, { ...TTY, stdin: false }, {}, 'standard input is not a terminal'],
    [xterm, { ...TTY, stdout: false }, {}, 'standard output is not a terminal'],
    [{ ...xterm, INK_SCREEN_READER: 'true' }, TTY, {}, 'a screen reader reads lines (INK_SCREEN_READER)'],
    [{ ...xterm, PLATTER_ACCESSIBLE: '1' }, TTY, {}, 'lines are asked for (PLATTER_ACCESSIBLE)'],
    [{ ...xterm, PLATTER_ACCESSIBLE: '0' }, TTY, {}, ''],
    [{ ...xterm, TERM: 'dumb' }, TTY, {}, 'TERM is dumb'],
    [UTF8, TTY, {}, 'TERM is not set'],
    [xterm, { ...TTY, columns: 12 }, {}, 'the terminal has 12 columns, fewer than 20'],
  ])('%j %j %j: %s', (env, terminal, flags, reason) => {
    const found = capability(env, terminal, flags);
    expect(found.reason).toBe(reason);
    expect(found.screen).toBe(reason === '');
  });
});

describe('the theme', () => {
  const theme = (env: Environment, asked?: string): string =>
    capability({ TERM: 'xterm', ...env }, TTY, { theme: asked }).theme;

  it('is what is asked for, else what the background suggests', () => {
    expect(theme({})).toBe('dark');
    expect(theme({ COLORFGBG: '15;0' })).toBe('dark');
    expect(theme({ COLORFGBG: '0;15' })).toBe('light');
    expect(theme({ COLORFGBG: '0;default;7' })).toBe('light');
    expect(theme({ COLORFGBG: '7;8' })).toBe('dark');
    expect(theme({ COLORFGBG: 'default;default' })).toBe('dark');
    expect(theme({ COLORFGBG: '0;15' }, 'dark')).toBe('dark');
    expect(theme({}, 'light')).toBe('light');
    expect(theme({}, 'mono')).toBe('mono');
    expect(theme({ NO_COLOR: '1' }, 'light')).toBe('mono');
  });
});
