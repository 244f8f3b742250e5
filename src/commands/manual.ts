/**
 * What there is to say about the program beside its commands, once, for `platter --help`, the manual page and
 * docs/commands.md. Words in `backquotes` are typed as they stand.
 */

/** A term and what it means. */
export type Entry = readonly [term: string, meaning: string];

export const PROMISE =
  'In-place conversion never risks the image: at every instant, power loss included, the file is a valid image of the ' +
  'old or of the new format with the same guest contents. The only assumption: one aligned sector of 512 bytes is ' +
  'written wholly or not at all.';

export const CALLS =
  "Without a subcommand: `platter [IMAGE]` opens a prompt (or reads commands from a pipe), and `platter IMAGE -c 'map 0 " +
  "1M' -c check` runs commands and exits. `help` at the prompt lists all commands. A name that begins with - goes " +
  'after --; a file named like a command is `./map`.';

export const NUMBERS = "Numbers are qemu-io's: `65536`, `0x10000`, `64k`, `1.5M` (k, M, G, T, P, E; powers of 1024).";

/** How a line of the prompt is read. */
export const LINES: readonly string[] = [
  "Lines of the prompt are like a shell's: `'…'`, `\"…\"` and backslash quote, `#` begins a comment, `;` separates " +
    'commands. Each command answers in lines for people or, with `--output=json`, in JSON.',
  '`COMMAND | PROGRAM` hands what a command answers to a program, as fast as it reads. All that follows the first `|` ' +
    'that is not quoted belongs to `sh`, any `;` included: `map | sort -k3 | less; date`. The exit status that counts is ' +
    "the command's.",
  "`map 0 1M | setmap` is different: behind a command that takes what another answers, the line is Platter's again, so " +
    '`map | setmap; plan` is two commands. A program of that name is `./setmap`.',
  'A line that begins with `!` is run by `sh`: `!ls -l`. `!` alone is the shell.',
];

export const EXIT_STATUS: readonly Entry[] = [
  ['0', 'done'],
  ['1', 'refused or failed, or steps were left uncommitted'],
  ['2', '`check` found corruption, or `map` an invalid entry'],
  ['3', '`check` found leaked space only'],
  ['63', '`check`: the format has nothing to check'],
  ['130', 'cancelled with Ctrl-C'],
];

export const ENVIRONMENT: readonly Entry[] = [
  [
    'PLATTER_PAGER, PAGER',
    'the pager for output that is longer than the terminal: `less -FRX` when neither is set; empty or `cat` for none',
  ],
  ['LESS', 'its options where the pager is less: `FRX` when it is not set'],
  ['NO_COLOR', 'no colours, whatever it is set to'],
  ['FORCE_COLOR', 'colours even where there is no terminal: 1, 2 or 3 for 16, 256 or all of them; 0 for none'],
  ['PLATTER_ACCESSIBLE, INK_SCREEN_READER', 'when one is set: the line prompt in place of the screen'],
  ['SHELL', 'the shell of `!`, and the one `completion` prints a script for'],
];
