/**
 * `npm run bench:qemu-io`: `platter --qemu-io` beside real qemu-io, with the same scripts on twin images, in one run.
 *
 *     node bench/qemu-io.mjs [--pairs=5] [--write]
 *
 * Contenders take turns. What a start costs is measured beside (a script of one `length`), and subtracted: the
 * figures are what the commands cost, in wall time. Images lie in memory (/dev/shm) where there is such a
 * place, so that the disk is no third contender. `--write` replaces qemu-io.md.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';

const HERE = import.meta.dirname;
const PROGRAM = process.env.PLATTER_PROGRAM ?? join(HERE, '../dist/platter.cjs');
const pairs = Number(process.argv.find((arg) => arg.startsWith('--pairs='))?.split('=')[1] ?? 5);
delete process.env.NODE_EXTRA_CA_CERTS;

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'platter-bench-'));
const CONTENDERS = { 'qemu-io': ['qemu-io'], platter: [process.execPath, PROGRAM, '--qemu-io'] };

const KIB = 1024;
const MIB = 1024 * KIB;
const DISK = 256 * MIB;

/** A small generator, the same on every machine. */
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
}

/** Command lines: `count` pieces of `size` bytes, one after the other or anywhere. */
function pieces(verb, size, count, isRandom) {
  const next = random(size + count);
  return Array.from({ length: count }, (_, i) => {
    const at = (isRandom ? next(Math.floor(DISK / size)) : i % Math.floor(DISK / size)) * size;
    return `${verb} -q ${verb === 'write' ? `-P ${i % 256} ` : ''}${at} ${size}`;
  });
}

const ROWS = [];
for (const verb of ['read', 'write']) {
  for (const [size, count] of [
    [4 * KIB, 2000],
    [64 * KIB, 1000],
    [512 * KIB, 300],
    [2 * MIB, 100],
  ]) {
    for (const isRandom of [false, true]) {
      const says = `${verb} ${size >= MIB ? `${size / MIB} MiB` : `${size / KIB} KiB`} x ${count}, ${isRandom ? 'random' : 'sequential'}`;
      ROWS.push({ says, lines: pieces(verb, size, count, isRandom), full: verb === 'read', by: '-c' });
    }
  }
}
ROWS.push({
  says: '10,000 writes of 4 KiB on standard input, random, into an empty image',
  lines: pieces('write', 4 * KIB, 10_000, true),
  full: false,
  by: 'stdin',
});
ROWS.push({
  says: '10,000 writes of 512 bytes on standard input, sequential',
  lines: pieces('write', 512, 10_000, false),
  full: false,
  by: 'stdin',
});

function fresh(name, full) {
  const path = join(folder, name);
  rmSync(path, { force: true });
  must('qemu-img', ['create', '-q', '-f', 'qcow2', path, String(DISK)]);
  if (full)
    must('qemu-io', [
      '-t',
      'unsafe',
      ...Array.from({ length: DISK / (64 * MIB) }, (_, i) => ['-c', `write -q ${i * 64}M 64M`]).flat(),
      path,
    ]);
  return path;
}

function must(program, args) {
  const done = spawnSync(program, args, { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: ${done.stderr}`);
}

/** Seconds. */
function cost([program, ...args], path, { lines, by }) {
  const script = by === '-c' ? lines.flatMap((line) => ['-c', line]) : [];
  const start = process.hrtime.bigint();
  const input = by === 'stdin' ? `${lines.join('\n')}\n` : '';
  const done = spawnSync(program, [...args, '-t', 'writeback', ...script, path], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const wall = Number(process.hrtime.bigint() - start) / 1e9;
  if (done.status !== 0) throw new Error(`${program}: ${done.stdout.slice(-300)}${done.stderr}`);
  return wall;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function measure(row) {
  const walls = { 'qemu-io': [], platter: [] };
  for (let round = 0; round < pairs; round++) {
    for (const [name, program] of Object.entries(CONTENDERS)) {
      const path = row.full ? row.path : fresh('image', false);
      walls[name].push(cost(program, path, row));
    }
  }
  return Object.fromEntries(Object.entries(walls).map(([name, all]) => [name, median(all)]));
}

try {
  const full = fresh('full', true);
  const start = measure({ lines: ['length'], by: '-c', full: true, path: full });
  const out = [
    '# platter --qemu-io beside qemu-io',
    '',
    `${cpus()[0]?.model ?? 'a processor'}, node ${process.version}, load ${loadavg()[0]?.toFixed(1)}; median of ${pairs}; qcow2, 64 KiB clusters, 256 MiB,`,
    `cache mode writeback. Wall seconds, start-up (${start['qemu-io']?.toFixed(3)} s and ${start.platter?.toFixed(3)} s) subtracted. \`npm run bench:qemu-io\` makes this table.`,
    '',
    '| script | qemu-io | platter | ratio |',
    '|---|---|---|---|',
  ];
  for (const row of ROWS) {
    const wall = measure({ ...row, path: full });
    const [theirs, ours] = ['qemu-io', 'platter'].map((name) => Math.max(wall[name] - start[name], 0.0005));
    out.push(`| ${row.says} | ${theirs.toFixed(3)} | ${ours.toFixed(3)} | ${(ours / theirs).toFixed(2)} |`);
    process.stderr.write(`${out.at(-1)}\n`);
  }
  const text = `${out.join('\n')}\n`;
  if (process.argv.includes('--write')) writeFileSync(join(HERE, 'qemu-io.md'), text);
  else process.stdout.write(text);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
