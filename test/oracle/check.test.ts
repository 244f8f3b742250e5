/**
 * `check` against `qemu-img check`: the same verdict and the same counters on random images, on the samples, on the
 * bad-input corpus and on random images with a few metadata entries overwritten.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sentence } from '../../src/errors.ts';
import { type CheckCounters, check, describeRun, describeWithQemu, judged, testFolder } from '../support/qemu.ts';
import { pieces, Random, seeds, withSeed } from '../support/random.ts';
import { type RandomImage, randomImage } from '../support/random-image.ts';
import { type Answer, answerOf } from './answer.ts';
import { mutate } from './mutate.ts';
import { falseQedLeaks } from './qed-leaks.ts';

const SAMPLES = resolve(import.meta.dirname, '../../sample-images');
const NEED_A_SECRET = new Set(['aes.qcow2', 'data-file.qcow2']);

/** The counters as qemu-img prints them; it leaves out zeros. */
type Counters = Required<CheckCounters>;

function expectSameCheck(path: string, format: 'qcow2' | 'qed', why: string): void {
  const oracle = check(path, format);
  const answer = answerOf(path, format);
  judged();
  const findings = answer.report?.findings.map((f) => `${f.severity} ${f.code}: ${sentence(f)}`).join('\n');
  const context = `${why}\n${describeRun(oracle.ran)}\nours: ${answer.error?.message ?? findings}`;
  if (oracle.verdict === 'failed' && oracle.counters === undefined) {
    // QEMU could not open the image, or gave the check up.
    expect(answer.error !== undefined || (answer.report?.corruptions ?? 0) > 0, context).toBe(true);
    return;
  }
  expect(answer.error, context).toBeUndefined();
  expect(ourCounters(answer, format), context).toEqual(qemuCounters(oracle.counters, format, path));
}

function qemuCounters(counters: Partial<CheckCounters> = {}, format: string, path: string): Partial<Counters> {
  const of = (key: keyof CheckCounters) => counters[key] ?? 0;
  return {
    'check-errors': of('check-errors'),
    corruptions: of('corruptions'),
    leaks: of('leaks') - (format === 'qed' ? falseQedLeaks(path) : 0),
    'total-clusters': of('total-clusters'),
    'allocated-clusters': of('allocated-clusters'),
    'fragmented-clusters': of('fragmented-clusters'),
    'compressed-clusters': of('compressed-clusters'),
    ...(format === 'qcow2' ? { 'image-end-offset': of('image-end-offset') } : {}),
  };
}

function ourCounters(answer: Answer, format: string): Partial<Counters> {
  const report = answer.report;
  if (!report) return {};
  return {
    'check-errors': report.checkErrors,
    corruptions: report.corruptions,
    leaks: report.leaks,
    'total-clusters': report.totalClusters,
    'allocated-clusters': report.allocatedClusters,
    'fragmented-clusters': report.fragmentedClusters,
    'compressed-clusters': report.compressedClusters,
    ...(format === 'qcow2' ? { 'image-end-offset': report.imageEndOffset ?? 0 } : {}),
  };
}

describeWithQemu('check equals qemu-img check', () => {
  for (const format of ['qcow2', 'qed'] as const) {
    describe(`random ${format} images`, () => {
      it.each(pieces(seeds(200), 25).map((piece) => [piece[0], piece] as const))('from seed %i', (_first, piece) => {
        const folder = testFolder();
        for (const seed of piece) {
          withSeed(seed, () => {
            const image = randomImage(seed, { format, folder });
            expectSameCheck(image.path, format, image.description);
            // The same image with a few entries overwritten.
            const random = new Random(seed);
            const bytes = readFileSync(image.path);
            const done = mutate(random, format, bytes);
            writeFileSync(image.path, bytes);
            expectSameCheck(image.path, format, `${done.join('\n')}\n${(image as RandomImage).description}`);
          });
        }
      });
    });
  }

  const samples = readdirSync(SAMPLES).filter((name) => /\.(qcow2|qed)$/.test(name) && !NEED_A_SECRET.has(name));
  it.each(samples)('sample %s', (name) => {
    expectSameCheck(join(SAMPLES, name), name.endsWith('.qed') ? 'qed' : 'qcow2', name);
  });

  it.each(readdirSync(join(SAMPLES, 'corrupt')))('corrupt sample %s: the one finding it is named for', (name) => {
    const path = join(SAMPLES, 'corrupt', name);
    const [code, format] = name.split('.') as [string, 'qcow2' | 'qed'];
    expectSameCheck(path, format, name);
    expect(new Set(answerOf(path, format).report?.findings.map((f) => f.code))).toEqual(new Set([code]));
  });
});
