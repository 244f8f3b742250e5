/**
 * Pictures for the README: each scene runs in a real pseudo-terminal, and what is then on the terminal's screen becomes
 * an SVG in docs/pictures. `node scripts/pictures.mjs [NAME …]`; commit what changed.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadTs } from './load-ts.mjs';
import { SCENES } from './scenes.mjs';
import { terminalSvg } from './terminal-svg.mjs';

const ROOT = resolve(import.meta.dirname, '..');
const wanted = process.argv.slice(2);
const { open, openShell } = await loadTs('test/support/terminal.ts');

/** As many rows as the longest conversation has; what is not used is not shown. */
const SHELL = { columns: 110, rows: 120, env: { PS1: '\\[\\e[1m\\]$ ', PS0: '\\e[0m' } };
// Always the same, for some commands print it: pictures change when the program does.
const cwd = join(tmpdir(), 'disks');
mkdirSync(cwd);
try {
  for (const scene of SCENES.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    rmSync(cwd, { recursive: true });
    cpSync(join(ROOT, 'sample-images'), cwd, { recursive: true });
    cpSync(join(cwd, 'start.qcow2'), join(cwd, 'original.qcow2'));
    const terminal = scene.lines ? openShell({ ...SHELL, cwd }) : open(scene.args, { ...scene.options, cwd });
    try {
      const picture = scene.lines ? await conversation(terminal, scene.lines) : await session(terminal, scene);
      writeFileSync(join(ROOT, 'docs/pictures', `${scene.name}.svg`), picture);
    } finally {
      await terminal.close();
    }
  }
} finally {
  rmSync(cwd, { recursive: true, force: true });
}

/** Lines for a shell, and what they answered, with a blank line between. */
async function conversation(terminal, lines) {
  const atPrompt = (screen) => screen.findLast((line) => line !== '') === '$';
  await terminal.until(atPrompt);
  const rows = [];
  let from = 0;
  for (const line of lines) {
    terminal.enter(line);
    await terminal.until((screen) => atPrompt(screen) && screen.filter((text) => text !== '').length > from + 1);
    const to = terminal.screen().lastIndexOf('$');
    for (let y = from; y < to; y++) rows.push(terminal.cells(y));
    rows.push([]);
    from = to;
  }
  const used = Math.max(60, ...rows.map((row) => row.findLastIndex(({ text }) => text.trim() !== '') + 1));
  return terminalSvg(
    lines.join('; '),
    rows.slice(0, -1).map((row) => row.slice(0, used)),
  );
}

async function session(terminal, { title, play }) {
  await play(terminal);
  // What was waited for may stand in a frame of which the rest is still to come.
  await new Promise((resolve) => setTimeout(resolve, 400));
  const rows = Array.from({ length: terminal.rows }, (_, y) => terminal.cells(y));
  return terminalSvg(title, rows, terminal.cursor());
}
