/**
 * In-place conversion judged by real QEMU, on random images in every direction: check, compare, a later write, and
 * rollback to the very bytes. What converts must be able to convert: a refusal of a convertible image is a failure.
 */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { rollback } from '../../src/device/rollback.ts';
import type { TargetRequest } from '../../src/drivers/driver.ts';
import { Refusal } from '../../src/errors.ts';
import { platter } from '../support/platter.ts';
import { describeWithQemu, type MapRow, testFolder } from '../support/qemu.ts';
import { pieces, Random, seeds, withSeed } from '../support/random.ts';
import { type RandomImage, randomImage } from '../support/random-image.ts';
import { type Conversion, convert, copySparse, expectGood, expectWritable, type Format, sha256 } from './conversion.ts';

/** Every so many images one is converted by the program itself, and once more by typed commands. */
const THROUGH_THE_PROGRAM = 20;
const PER_TEST = 20;
/** Longer mappings are typed as `setmap --all` only. */
const LINES_BY_HAND = 100;

/** The tests of one direction, on that many random images. */
export function judgeDirection(from: Format, to: Format, count: number): void {
  describeWithQemu(`convert-inplace ${from} to ${to}`, () => {
    it.each(pieces(seeds(count), PER_TEST).map((piece) => [piece[0], piece] as const))(
      'random images from seed %i',
      (_first, piece) => {
        const folder = testFolder();
        for (const seed of piece) withSeed(seed, () => judge(seed, from, to, folder));
      },
    );
  });
}

function judge(seed: number, from: Format, to: Format, folder: string): void {
  const random = new Random(seed + 1_000_000);
  const image = randomImage(seed, { format: from, folder, convertible: true });
  const original = join(folder, 'original');
  const kept = join(folder, `rollback-${seed}`);
  copySparse(image.path, original);
  const before = sha256(original);
  try {
    const conversion = { path: image.path, from, to, rollback: kept };
    const { options, result } = convertSomehow(conversion, random, from === to);
    expectGood(image.path, to, original, from, result.target.leakedBytes);
    expectWritable(image.path, to, image, original, random);
    if (seed % THROUGH_THE_PROGRAM === 1) sameByProgram(image, to, options, original, folder);
    runToEnd(rollback(image.path, kept, {}));
    expect(sha256(image.path), 'rolled back').toBe(before);
  } catch (error) {
    (error as Error).message += `\n${image.description}`;
    throw error;
  }
}

/** With random options first; where those are refused (alignment, zero clusters), with none, which must work. */
function convertSomehow(conversion: Conversion, random: Random, mustDiffer: boolean) {
  const asked = mustDiffer || random.chance(0.5) ? randomRequest(conversion.to, random) : {};
  try {
    return { options: asked, result: convert({ ...conversion, options: asked }) };
  } catch (error) {
    if (!(error instanceof Refusal) || Object.keys(asked).length === 0) throw error;
    expect(sha256(conversion.path), 'a refusal writes nothing').toBe(sha256(join(conversion.path, '../original')));
    return { options: {}, result: convert(conversion) };
  }
}

function randomRequest(to: Format, random: Random): TargetRequest {
  if (to === 'qed') return { table_size: String(random.pick([2, 4, 8, 16])) };
  const request: Record<string, string> = {};
  if (random.chance(0.5)) request['cluster_size'] = String(2 ** random.int(9, 16));
  if (random.chance(0.25)) request['compat'] = '0.10';
  else if (random.chance(0.7)) request['refcount_bits'] = String(2 ** random.int(0, 6));
  return request;
}

/** The program's one-shot conversion and the typed steps of the series give the bytes that the library gave. */
function sameByProgram(image: RandomImage, to: Format, options: TargetRequest, original: string, folder: string): void {
  const wanted = sha256(image.path);
  const words = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  const option = words.length > 0 ? ['-o', words.join(',')] : [];
  // The backing file's name is stored in the image, so the copy must lie in the same folder.
  const oneShot = join(folder, 'one-shot');
  copySparse(original, oneShot);
  const ran = platter(['convert-inplace', '-f', image.format, ...option, oneShot, to]);
  expect(ran.status, ran.stdout + ran.stderr).toBe(0);
  expect(sha256(oneShot), 'convert-inplace on the command line').toBe(wanted);

  const mapped = JSON.parse(platter(['map', '-f', image.format, '--output=json', original]).stdout) as MapRow[];
  const opened = (file: string) => [
    `open -f ${image.format} '${file}'`,
    'getopts',
    `open-target ${option.join(' ')} ${to}`,
  ];
  const byHand = mapped.length <= LINES_BY_HAND ? [setmapLines(mapped)] : [];
  for (const lines of [['setmap --all'], ...byHand]) {
    const typed = join(folder, 'typed');
    copySparse(original, typed);
    const script = [...opened(typed), ...lines, 'map --target', 'copy-header', 'commit'];
    const session = platter([], { input: `${script.join('\n')}\n` });
    expect(session.status, session.stdout + session.stderr).toBe(0);
    expect(sha256(typed), `typed: ${script.join('; ')}\n${session.stdout}`).toBe(wanted);
  }
}

/** The get_mapping / map loop of the series, typed by hand. */
function setmapLines(rows: readonly MapRow[]): string[] {
  return rows
    .filter((row) => row.depth === 0 && row.present)
    .map(({ start, length, data, offset }) => `setmap ${start} ${data ? offset : 'zero'} ${length}`);
}
