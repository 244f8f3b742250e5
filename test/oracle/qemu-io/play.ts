/**
 * Plays a batch of sequences on twins: one process of each kind runs all of them, one image after the other; then
 * qemu-img changes snapshots in between, and there is another round. At the end guests' contents and verdicts are
 * compared.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeRun, judged, type Ran, run } from '../../support/qemu.ts';
import { Random } from '../../support/random.ts';
import { copy, make, type Recipe, recipe } from './recipes.ts';
import { command, openOptions } from './sequences.ts';
import { ours, real, type Said } from './twins.ts';

interface Sequence {
  readonly seed: number;
  readonly name: string;
  readonly made: Recipe;
  /** Command lines of each round. */
  readonly rounds: readonly (readonly string[])[];
  /** What qemu-img does to snapshots between two rounds; '' for nothing. */
  readonly between: readonly string[];
}

function sequence(seed: number, index: number, folder: string): Sequence {
  const random = new Random(seed);
  const made = recipe(random);
  const name = `i${index}`;
  make(folder, name, made, random);
  const rounds = Array.from({ length: random.pick([1, 1, 2]) }, () => round(random, made, name));
  const hasSnapshots = made.format === 'qcow2' && !made.hasDataFile;
  const between = hasSnapshots
    ? random.pick([
        ['-c', 'one'],
        ['-c', 'one', '-a', 'one'],
        ['-c', 'one', '-d', 'one'],
      ])
    : [];
  return { seed, name, made, rounds, between };
}

/**
 * What real qemu-io does wrong, so that it is no judge: on a QED image with a backing file a write into a zero cluster
 * brings the backing file's bytes back, and zeros on any, started and not waited for, fail an assertion of its.
 */
function qemuErrs({ format, backing }: Recipe): RegExp | undefined {
  if (format !== 'qed') return undefined;
  return backing ? / -z/ : /aio_write .*-z/;
}

/** One `open` to `close`. */
function round(random: Random, made: Recipe, name: string): string[] {
  const open = openOptions(random, made, name);
  const copiesOnRead = open.includes('-C');
  const lines = Array.from({ length: random.int(4, 14) }, () =>
    command(random, made, !copiesOnRead && !open.includes('-s')),
  );
  const unfit = qemuErrs(made);
  const kept = lines.filter((line) => !WITHOUT.test(line) && !unfit?.test(line));
  return [open, ...kept.flatMap((line) => line.split('\n')), 'close'];
}

const ROUNDS = 2;

/** PLATTER_WITHOUT: an expression for command lines to leave out, to look past what is known. */
const WITHOUT = new RegExp(process.env['PLATTER_WITHOUT'] ?? '^\\b$');

/** Throws with what differs. Answers false where real qemu-io crashed. */
export function playBatch(parent: string, batch: string, seeds: readonly number[]): boolean {
  const folder = join(parent, batch);
  const [a, b, origin] = ['real', 'ours', 'origin'].map((name) => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }) as [string, string, string];
  const sequences = seeds.map((seed, index) => sequence(seed, index, origin));
  for (const { name } of sequences) for (const to of [a, b]) copy(origin, to, name);
  for (let round = 0; round < ROUNDS; round++) {
    const playing = sequences.filter(({ rounds }) => rounds[round]);
    if (playing.length === 0) continue;
    const input = playing.map(({ rounds }) => (rounds[round] as string[]).join('\n')).join('\n');
    const [said, answered] = [real({ args: [], input, cwd: a }), ours({ args: [], input, cwd: b })];
    // QEMU's own assertions fail now and then: then it is no judge of the batch.
    if (said.signal === 'SIGABRT') return false;
    compareSaid(said, answered, playing, round);
    if (round + 1 < ROUNDS) for (const one of sequences) snapshots(one, [a, b]);
  }
  for (const one of sequences) compareImages(one, a, b);
  judged(sequences.length);
  rmSync(folder, { recursive: true });
  return true;
}

function snapshots({ between, name }: Sequence, folders: readonly string[]): void {
  for (let i = 0; i < between.length; i += 2) {
    const [how, tag] = between.slice(i, i + 2) as [string, string];
    const ends = folders.map((folder) => run('qemu-img', ['snapshot', how, tag, join(folder, name)]).status);
    if (ends[0] !== ends[1]) throw new Error(`qemu-img snapshot ${how} ${tag} ${name}: exit ${ends.join(' and ')}`);
  }
}

function compareSaid(said: Said, answered: Said, playing: readonly Sequence[], round: number): void {
  if (said.stdout === answered.stdout && said.stderr === answered.stderr && said.status === answered.status) return;
  const lines = playing.flatMap(({ rounds, seed, made }) =>
    (rounds[round] as string[]).map((line) => ({ line, seed, made })),
  );
  const [theirs, mine] = [said.stdout.split('qemu-io> '), answered.stdout.split('qemu-io> ')];
  const at = theirs.findIndex((text, i) => text !== mine[i]);
  const place = at > 0 ? lines[at - 1] : undefined;
  const before = lines.slice(0, at).filter(({ seed }) => seed === place?.seed);
  throw new Error(
    [
      `what is said differs (exit ${said.status}${said.signal ?? ''} and ${answered.status}${answered.signal ?? ''}), round ${round}, seed ${place?.seed}`,
      `image: ${JSON.stringify(place?.made)}`,
      ...before.map(({ line }) => `  ${line}`),
      `real: ${theirs[at]?.slice(0, 600)}`,
      `ours: ${mine[at]?.slice(0, 600)}`,
      `real's complaints:\n${firstDifference(said.stderr, answered.stderr)}`,
    ].join('\n'),
  );
}

function firstDifference(a: string, b: string): string {
  const [left, right] = [a.split('\n'), b.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  if (a === b) return '(the same)';
  return `line ${at}: ${left.slice(Math.max(0, at - 1), at + 2).join(' | ')}\nours: ${right.slice(Math.max(0, at - 1), at + 3).join(' | ')}`;
}

function compareImages({ seed, name, made, rounds, between }: Sequence, a: string, b: string): void {
  const say = (what: string): Error =>
    new Error(
      `seed ${seed}: ${what}\nimage: ${JSON.stringify(made)}\n${rounds.map((lines) => lines.join('\n')).join(`\n--- qemu-img snapshot ${between.join(' ')}\n`)}`,
    );
  const images = [a, b].map((folder) => target(folder, name, made));
  const compared = run('qemu-img', ['compare', '--image-opts', ...images]);
  if (compared.status !== 0) throw say(describeRun(compared));
  if (made.format === 'raw') return;
  const [theirs, mine] = images.map((image) => run('qemu-img', ['check', '--image-opts', image])) as [Ran, Ran];
  // QEMU leaves a leak here and there: clean is always right.
  if (theirs.status !== mine.status && mine.status !== 0)
    throw say(`real: ${describeRun(theirs)}\nours: ${describeRun(mine)}`);
}

/** A data file's name counts from where the program runs, so it is told anew. */
function target(folder: string, name: string, { format, hasDataFile }: Recipe): string {
  const path = join(folder, name);
  return `driver=${format},file.filename=${path}${hasDataFile ? `,data-file.filename=${path}.data` : ''}`;
}
