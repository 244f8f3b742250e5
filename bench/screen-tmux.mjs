/**
 * Torn frames as a bystander sees them: the program in tmux, which shows what it is sent when it is sent, sampled while
 * PageDown repeats as under a finger. Without tmux it says so.
 */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const PROGRAM = process.env.PLATTER_PROGRAM ?? resolve(import.meta.dirname, '../dist/platter.cjs');
/** Milliseconds between two keys. */
const REPEAT = 40;
const LINES = 200;
const PANELS = 5;

export async function tornInTmux(image, faultsOf, samples) {
  if (spawnSync('tmux', ['-V']).status !== 0) return { skipped: 'tmux is not installed' };
  const server = `platter-bench-${process.pid}`;
  const env = { ...process.env, LANG: 'C.UTF-8', TERM: 'xterm-256color' };
  delete env.TMUX;
  delete env.NO_COLOR;
  delete env.CI;
  const tmux = (...args) =>
    spawnSync('tmux', ['-u', '-L', server, '-f', '/dev/null', ...args], { env, encoding: 'utf8' });
  const capture = (...more) => tmux('capture-pane', '-p', ...more).stdout.split('\n');
  const until = async (holds) => {
    for (const end = Date.now() + 30_000; ; await new Promise((settle) => setTimeout(settle, 20))) {
      if (holds(capture())) return;
      if (Date.now() > end) throw new Error(`tmux shows something else:\n${capture().join('\n')}`);
    }
  };
  try {
    tmux('new-session', '-d', '-x', '120', '-y', '40', 'bash --norc --noprofile');
    tmux('set-option', '-g', 'status', 'off');
    tmux('resize-window', '-x', '120', '-y', '40');
    tmux('send-keys', `PS1='sh$ '; seq -f 'line %g' 1 ${LINES}`, 'Enter');
    await until((screen) => screen.includes(`line ${LINES}`));
    tmux('send-keys', `'${process.execPath}' '${PROGRAM}' '${image}'`, 'Enter');
    await until((screen) => screen.some((row) => row.startsWith('platter>')) && faultsOf(screen, PANELS).length === 0);
    tmux('send-keys', 'F2');
    let faults = 0;
    let next = 0;
    for (let i = 0; i < samples; i++) {
      if (Date.now() >= next) {
        tmux('send-keys', 'PageDown');
        next = Date.now() + REPEAT;
      }
      if (faultsOf(capture(), PANELS).length > 0) faults++;
    }
    tmux('send-keys', 'Escape');
    await until((screen) => !screen.some((row) => row.includes('┏')));
    tmux('send-keys', 'C-d');
    await until((screen) => screen.findLast((row) => row !== '') === 'sh$');
    const all = capture('-S', '-');
    const kept = Array.from({ length: LINES }, (_, i) => `line ${i + 1}`).filter((line) => all.includes(line)).length;
    return { samples, faults, kept, lines: LINES };
  } finally {
    tmux('kill-server');
  }
}
