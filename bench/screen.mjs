/**
 * `npm run bench:screen`: what the screen costs, in a real pseudo-terminal with a whole terminal at its other end.
 *
 *     node bench/screen.mjs [--quick] [--runs=N] [--write]
 *
 * Figures are medians of several runs. Time is set against `node -e 0` in the same run and the same kind of terminal,
 * so that a busy machine hurts both. CPU is that of all of the program's threads, in nanoseconds, from /proc. `--write`
 * replaces screen.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadTs } from '../scripts/load-ts.mjs';
import { generate } from './generate.mjs';
import { screenTable } from './screen-table.mjs';
import { tornInTmux } from './screen-tmux.mjs';
import { WORKLOADS } from './workloads.mjs';

const args = new Map(
  process.argv
    .slice(2)
    .map((a) => a.replace(/^--/, '').split('='))
    .map(([k, v]) => [k, v ?? '']),
);
const quick = args.has('quick');
const RUNS = Number(args.get('runs') ?? (quick ? 3 : 9));
const KEYS = quick ? 60 : 200;
/** Milliseconds: more than a frame, so that every key has a frame of its own. */
const PAUSE = 30;
const MANY_KEYS = quick ? 600 : 3000;
const IDLE_MS = quick ? 2000 : 5000;

const { SYNCHRONIZED, Terminal, open } = await loadTs('test/support/terminal.ts');
const { faultsOf } = await loadTs('test/terminal/frames.ts');

const SIZES = { medium: { columns: 120, rows: 40 }, wide: { columns: 200, rows: 50 } };
const PANELS = 5;
const SMALL = resolve(import.meta.dirname, '../sample-images/start.qcow2');
const folder = mkdtempSync(join(tmpdir(), 'platter-bench-'));
const LARGE = join(folder, 'b1t.qcow2');
/** Of its extent table: every second cluster of 1 TiB is data. */
const LARGE_ROWS = WORKLOADS.b1t.size / WORKLOADS.b1t.clusterSize;

const sleep = (ms) => new Promise((settle) => setTimeout(settle, ms));
const say = (text) => process.stderr.write(`${text}\n`);

function quantile(values, part) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
}
const median = (values) => quantile(values, 0.5);

/** Milliseconds of CPU that all threads of a process have had. */
function cpuOf(pid) {
  return readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    .reduce((sum, ms) => sum + ms, 0);
}

const rssOf = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

async function withTerminal(terminal, use) {
  try {
    return await use(terminal);
  } finally {
    await terminal.close();
  }
}

/** The prompt stands there, and the frame that it came with is whole. */
function isReady(terminal) {
  const { y, visible } = terminal.cursor();
  const row = terminal.screen()[y] ?? '';
  return terminal.isAlternate() && visible && row.startsWith('platter>') && !terminal.modes.has(SYNCHRONIZED);
}

/** Milliseconds from the start of a program in a terminal until something holds of its output. */
async function startTime(start, holds) {
  const from = performance.now();
  return withTerminal(start(), async (terminal) => {
    let at;
    terminal.watch((piece) => {
      if (at === undefined && holds(terminal)) at = piece.at;
    });
    await (holds === never ? terminal.exit : terminal.when(() => at !== undefined, 60_000));
    return (at ?? performance.now()) - from;
  });
}
const never = () => false;

/** The times of a bare node and of the screen's first frame, taking turns. */
async function firstFrames(image) {
  const all = { node: [], screen: [] };
  for (let run = 0; run <= RUNS; run++) {
    const node = await startTime(() => new Terminal(process.execPath, ['-e', '0']), never);
    const screen = await startTime(() => open([image], SIZES.medium), isReady);
    // The first of each finds nothing in the machine's caches.
    if (run > 0) all.node.push(node) && all.screen.push(screen);
  }
  return { node: median(all.node), screen: median(all.screen) };
}

/** Presses `keys` in turn, a pause apart, as a quick finger does; the time is that to the end of the next frame. */
async function keyed(terminal, keys, count) {
  const latencies = [];
  const cpu = cpuOf(terminal.pid);
  const from = terminal.output.length;
  for (let i = 0; i < count; i++) {
    const before = terminal.output.length;
    const at = performance.now();
    let shown;
    const stop = terminal.watch((piece) => {
      if (!terminal.modes.has(SYNCHRONIZED)) shown ??= piece.at;
    });
    const key = keys[i % keys.length];
    if (key.length === 1) terminal.type(key);
    else terminal.press(key);
    await terminal.when(() => shown !== undefined && terminal.output.length > before);
    stop();
    latencies.push(shown - at);
    await sleep(PAUSE);
  }
  const text = terminal.outputText(from);
  const frames = text.split('\x1b[?2026h').length - 1;
  return {
    cpu: (cpuOf(terminal.pid) - cpu) / count,
    median: median(latencies),
    p95: quantile(latencies, 0.95),
    bytes: Buffer.byteLength(text) / frames,
  };
}

const letters = [...'map 0 64k ; check ; length ; '];

/** Keys at 200x50 on the small image, and what they cost. */
async function smallKeys() {
  return withTerminal(open([SMALL], SIZES.wide), async (terminal) => {
    await terminal.when(() => isReady(terminal) && terminal.text().includes('1/24'));
    await sleep(300);
    const started = rssOf(terminal.pid);
    const typed = await keyed(terminal, letters, KEYS);
    terminal.press('ctrl-u', 'f2');
    await sleep(200);
    const arrows = await keyed(terminal, ['down', 'up'], KEYS);
    const zoom = await keyed(terminal, ['f10'], KEYS);
    terminal.press('escape');
    await sleep(200);
    const cpu = cpuOf(terminal.pid);
    await sleep(IDLE_MS);
    const idle = cpuOf(terminal.pid) - cpu;
    terminal.press('f2');
    const rss = [started, rssOf(terminal.pid)];
    for (let i = 1; i <= MANY_KEYS; i++) {
      terminal.press(i % 2 ? 'down' : 'up');
      if (i % 4 === 0) await sleep(20);
      if (i % (MANY_KEYS / 3) === 0) rss.push(rssOf(terminal.pid));
    }
    return { typed, arrows, zoom, idle, rss };
  });
}

/** Until the program has nothing left to do in the background. */
async function quiet(terminal) {
  for (let cpu = cpuOf(terminal.pid), last = -1; cpu - last > 2; ) {
    last = cpu;
    await sleep(200);
    cpu = cpuOf(terminal.pid);
  }
}

async function largeKeys() {
  const from = performance.now();
  return withTerminal(open([LARGE], SIZES.wide), async (terminal) => {
    await terminal.when(() => isReady(terminal), 30_000);
    const first = performance.now() - from;
    const done = () => terminal.text().includes(`/${LARGE_ROWS}`);
    const before = done();
    const meanwhile = before ? undefined : await keyed(terminal, letters, 20);
    await terminal.when(done, 120_000);
    const walked = performance.now() - from;
    await quiet(terminal);
    const settled = performance.now() - from;
    terminal.press('ctrl-u', 'f2');
    await sleep(200);
    const pages = await keyed(terminal, ['pagedown'], KEYS);
    const jumps = await keyed(terminal, ['end', 'home'], KEYS);
    const torn = await tornFrames(terminal);
    return { first, before, walked, settled, meanwhile, pages, jumps, torn, rss: rssOf(terminal.pid) };
  });
}

/** After every piece of output, as a terminal sees it that does not wait for a frame's end. */
async function tornFrames(terminal) {
  const torn = { samples: 0, faults: 0, ends: 0, faultsAtEnds: 0 };
  const stop = terminal.watch(() => {
    const faults = faultsOf(terminal.screen(), PANELS).length > 0 ? 1 : 0;
    torn.samples++;
    torn.faults += faults;
    if (terminal.modes.has(SYNCHRONIZED)) return;
    torn.ends++;
    torn.faultsAtEnds += faults;
  });
  while (torn.samples < (quick ? 200 : 500)) {
    terminal.press('pagedown');
    await sleep(10);
  }
  stop();
  return torn;
}

try {
  generate(LARGE, 'qcow2', WORKLOADS.b1t);
  say('first frames …');
  const firstSmall = await firstFrames(SMALL);
  const firstLarge = await firstFrames(LARGE);
  say('keys on a small image …');
  const small = await smallKeys();
  say('keys on 1 TiB …');
  const large = await largeKeys();
  say('torn frames in tmux …');
  const tmux = await tornInTmux(LARGE, faultsOf, quick ? 100 : 500);
  const machine = {
    date: new Date().toISOString().slice(0, 10),
    load: loadavg()[1].toFixed(1),
    cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
    node: process.version,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
  };
  const text = screenTable(machine, {
    firstSmall,
    firstLarge,
    small,
    large,
    tmux,
    manyKeys: MANY_KEYS,
    idleMs: IDLE_MS,
  });
  process.stdout.write(text);
  if (args.has('write')) writeFileSync(join(import.meta.dirname, 'screen.md'), text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
