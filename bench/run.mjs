/**
 * `npm run bench`: the program beside qemu-img and a C floor, in one run on one machine.
 *
 *     node bench/run.mjs [--quick] [--only=start,map,check,convert] [--pairs=N] [--write]
 *
 * Contenders take turns, so that a busy machine hurts all alike; the figures are medians, and the ratios are of CPU
 * seconds (user + system), which repeat where wall time does not. `--write` replaces results.md and results/. Images
 * are made in the system's temporary folder (5 GB for all of them) and removed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from './generate.mjs';
import { table } from './table.mjs';
import { WORKLOADS } from './workloads.mjs';

const HERE = import.meta.dirname;
/** PLATTER_PROGRAM: another build, to compare with. */
const PROGRAM = process.env.PLATTER_PROGRAM ?? join(HERE, '../dist/platter.cjs');
const args = new Map(
  process.argv
    .slice(2)
    .map((a) => a.replace(/^--/, '').split('='))
    .map(([k, v]) => [k, v ?? '']),
);
const quick = args.has('quick');
const only = args.get('only')?.split(',') ?? ['start', 'map', 'check', 'convert'];

// A certificate file in the environment makes every start of node three times as dear.
delete process.env.NODE_EXTRA_CA_CERTS;
process.env.LC_ALL = 'C';

const folder = mkdtempSync(join(tmpdir(), 'platter-bench-'));
const measure = compile('measure.c');
const floor = compile('floor.c');
const devNull = openSync('/dev/null', 'w');

function compile(source) {
  const binary = join(folder, source.replace('.c', ''));
  execFileSync('gcc', ['-O3', '-o', binary, join(HERE, source)]);
  return binary;
}

/** @returns {{status: number, wall: number, user: number, system: number, rssKiB: number, writtenBytes: number}} */
function cost(argv) {
  const out = join(folder, 'cost');
  const done = spawnSync(measure, [out, ...argv], { stdio: ['ignore', devNull, 'pipe'] });
  const figures = JSON.parse(readFileSync(out, 'utf8'));
  // 3: leaks. The files that this makes have none, but QEMU sees some in large QED files.
  if (figures.status !== 0 && figures.status !== 3) {
    throw new Error(`${argv.join(' ')}: exit ${figures.status}\n${done.stderr}`);
  }
  return figures;
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Contenders take turns `pairs` times, after one unmeasured round when there are several. */
function compete(contenders, pairs, prepare = () => {}) {
  const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = pairs > 1 ? -1 : 0; round < pairs; round++) {
    for (const [name, argv] of Object.entries(contenders)) {
      prepare(name);
      const figures = cost(argv);
      if (round >= 0) all[name].push(figures);
    }
  }
  return Object.fromEntries(
    Object.entries(all).map(([name, runs]) => [
      name,
      {
        cpu: median(runs.map((r) => r.user + r.system)),
        wall: median(runs.map((r) => r.wall)),
        rssMiB: median(runs.map((r) => r.rssKiB)) / 1024,
        writtenMiB: median(runs.map((r) => r.writtenBytes)) / 2 ** 20,
      },
    ]),
  );
}

const images = new Map();

/** The path of a workload's image, made when it is first wanted. */
function image(name, format) {
  const path = join(folder, `${name}.${format}`);
  if (!images.has(path)) {
    generate(path, format, WORKLOADS[name]);
    images.set(path, true);
  }
  return path;
}

function drop(name, format) {
  const path = join(folder, `${name}.${format}`);
  images.delete(path);
  rmSync(path, { force: true });
}

const platter = (...words) => [process.execPath, PROGRAM, ...words];
const results = [];

function row(operation, workload, format, pairs, contenders, goals, prepare) {
  if (!only.includes(operation.split(' ')[0])) return;
  process.stderr.write(`${operation} ${workload}.${format} … `);
  const figures = compete(contenders, args.has('pairs') ? Number(args.get('pairs')) : pairs, prepare);
  results.push({ operation, workload, format, says: WORKLOADS[workload]?.says ?? '', pairs, figures, goals });
  process.stderr.write(
    `${Object.entries(figures)
      .map(([name, f]) => `${name} ${f.cpu.toFixed(3)} s CPU ${f.wall.toFixed(3)} s wall ${f.rssMiB.toFixed(0)} MiB`)
      .join('; ')}\n`,
  );
}

function mapRow(workload, format, pairs, goals) {
  if (!only.includes('map')) return;
  const path = image(workload, format);
  const contenders = {
    platter: platter('map', '-f', format, '--output=json', path),
    qemu: ['qemu-img', 'map', '-f', format, '--output=json', path],
    floor: [floor, 'map', path],
  };
  row('map', workload, format, pairs, contenders, goals);
}

function checkRow(workload, format, pairs, goals, withPlainQemu = true) {
  if (!only.includes('check')) return;
  const path = image(workload, format);
  const contenders = {
    platter: platter('check', '-f', format, path),
    ...(withPlainQemu ? { qemu: ['qemu-img', 'check', '-q', '-f', format, path] } : {}),
    floor: [floor, 'check', path],
  };
  if (format === 'qcow2' && !withPlainQemu) {
    const tuned = `driver=qcow2,file.filename=${path},refcount-cache-size=64M`;
    contenders.qemu = ['qemu-img', 'check', '-q', '--image-opts', tuned];
  }
  row(
    withPlainQemu ? 'check' : 'check (qemu with refcount-cache-size=64M)',
    workload,
    format,
    pairs,
    contenders,
    goals,
  );
}

function convertRow(workload, from, to, pairs, goals, againstQemu) {
  if (!only.includes('convert')) return;
  const path = image(workload, from);
  const [work, copy] = [join(folder, 'work'), join(folder, 'copy')];
  const contenders = {
    platter: platter('convert-inplace', '-f', from, work, to),
    // The full check that comes first: what is left is the conversion itself.
    check: platter('check', '-f', from, work),
  };
  if (againstQemu) contenders.qemu = ['qemu-img', 'convert', '-f', from, '-O', to, path, copy];
  let grown = 0;
  row(`convert ${from} to ${to}`, workload, from, pairs, contenders, goals, () => {
    rmSync(work, { force: true });
    rmSync(copy, { force: true });
    execFileSync('cp', ['--sparse=always', path, work]);
    execFileSync('sync', [work]);
  });
  // One more conversion, to see by how much the file grows: the new metadata.
  rmSync(copy, { force: true });
  rmSync(work, { force: true });
  execFileSync('cp', ['--sparse=always', path, work]);
  cost(contenders.platter);
  grown = statSync(work).size - statSync(path).size;
  const last = results.at(-1);
  last.grownMiB = grown / 2 ** 20;
  last.check = spawnSync('qemu-img', ['check', '-q', '--image-opts', imageOpts(to, work)]).status;
  rmSync(work, { force: true });
}

function imageOpts(format, path) {
  return format === 'qcow2'
    ? `driver=qcow2,file.filename=${path},refcount-cache-size=64M`
    : `driver=qed,file.filename=${path}`;
}

try {
  const empty = join(folder, 'empty.cjs');
  writeFileSync(empty, '');
  if (only.includes('start')) {
    const small = image('s64m', 'qcow2');
    const starts = {
      platter: platter('info', small),
      node: [process.execPath, empty],
      qemu: ['qemu-img', 'info', small],
    };
    row('start (info)', 's64m', 'qcow2', quick ? 5 : 21, starts, { node: 1.3 });
    starts.platter = platter('map', '--output=json', small);
    starts.qemu = ['qemu-img', 'map', '--output=json', small];
    row('start (map)', 's64m', 'qcow2', quick ? 5 : 21, starts, { node: 1.3 });
    starts.platter = platter('check', small);
    starts.qemu = ['qemu-img', 'check', small];
    row('start (check)', 's64m', 'qcow2', quick ? 5 : 21, starts, { node: 1.3 });
  }

  mapRow('a10g', 'qcow2', 5, {});
  mapRow('b100g', 'qed', 3, { qemu: 6, floor: 2.5 });
  mapRow('b100g', 'qcow2', 3, { qemu: 6, floor: 2.5 });
  if (!quick) {
    mapRow('dense4k', 'qcow2', 3, { qemu: 6, floor: 2.5 });
    drop('dense4k', 'qcow2');
    mapRow('b1t', 'qed', 1, { qemu: 10, floor: 1.3, rss: 64 });
    mapRow('f1t', 'qcow2', 3, { rss: 64 });
  }

  checkRow('a10g', 'qcow2', 5, {});
  checkRow('b100g', 'qcow2', 3, {}, false);
  if (!quick) {
    checkRow('s1t', 'qcow2', 3, { qemu: 4, floor: 3, rss: 64 });
    checkRow('f1t', 'qcow2', 3, { qemu: 4, floor: 3, rss: 64 });
    drop('f1t', 'qcow2');
    checkRow('b1t', 'qcow2', 3, { qemu: 10, floor: 3, rss: 64 }, false);
    checkRow('b1t', 'qed', 3, { rss: 64 });
    drop('s1t', 'qcow2');
  }

  convertRow('r1g', 'qcow2', 'qed', 3, {}, true);
  convertRow('r1g', 'qed', 'qcow2', 3, {}, true);
  drop('r1g', 'qcow2');
  drop('r1g', 'qed');
  if (!quick) {
    convertRow('b1t', 'qcow2', 'qed', 5, { cpu: 0.8, core: 0.5, rss: 64, written: 1.01 }, false);
    convertRow('b1t', 'qed', 'qcow2', 5, { cpu: 0.8, core: 0.5, rss: 64, written: 1.01 }, false);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

const machine = {
  date: new Date().toISOString().slice(0, 10),
  load: loadavg()[1].toFixed(1),
  cpu: `${cpus().length} x ${cpus()[0]?.model.trim()}`,
  node: process.version,
  qemu: execFileSync('qemu-img', ['--version'], { encoding: 'utf8' }).split('\n')[0],
};
const text = table(machine, results);
process.stdout.write(text);
if (args.has('write')) {
  mkdirSync(join(HERE, 'results'), { recursive: true });
  writeFileSync(join(HERE, 'results/results.json'), `${JSON.stringify({ machine, results }, undefined, 2)}\n`);
  writeFileSync(join(HERE, 'results.md'), text);
}
