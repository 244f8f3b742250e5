/**
 * The driver's check, with its fast loops and its tables walked once, against the slow one: on small images whose
 * entries are drawn from everything that can go wrong, most of them broken several times over.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SlowCheck, type SlowReport } from './slow-check.ts';
import { AT, COPIED, checkBytes, setRefcount, smallImage } from './small-image.ts';

const CLUSTERS = 20;

function counters(report: SlowReport): SlowReport {
  const { corruptions, leaks, checkErrors, allocatedClusters, fragmentedClusters, compressedClusters, imageEndOffset } =
    report;
  return {
    corruptions,
    leaks,
    checkErrors,
    allocatedClusters,
    fragmentedClusters,
    compressedClusters,
    imageEndOffset,
  };
}

/** A table entry: mostly plausible, sometimes odd in one way, sometimes noise. */
function entry(clusterSize: number): fc.Arbitrary<bigint> {
  const cluster = fc.integer({ min: 0, max: CLUSTERS + 1 }).map((n) => BigInt(n * clusterSize));
  const sector = fc.integer({ min: 0, max: ((CLUSTERS + 1) * clusterSize) / 512 }).map((n) => BigInt(n * 512));
  return fc.oneof(
    { weight: 8, arbitrary: cluster.map((at) => at | COPIED) },
    { weight: 3, arbitrary: cluster },
    { weight: 2, arbitrary: sector.map((at) => at | COPIED) },
    { weight: 1, arbitrary: fc.constantFrom(0n, 1n, COPIED, COPIED | 1n, COPIED | (1n << 40n), (1n << 62n) | 0x700n) },
    { weight: 2, arbitrary: fc.tuple(cluster, fc.bigInt(0n, 63n)).map(([at, bit]) => at | COPIED | (1n << bit)) },
    { weight: 2, arbitrary: fc.tuple(sector, fc.bigInt(0n, 3n)).map(([at, n]) => (1n << 62n) | at | (n << 61n)) },
    { weight: 1, arbitrary: fc.bigInt(0n, (1n << 64n) - 1n) },
  );
}

interface Plan {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly refcountOrder: number;
  readonly extended: boolean;
  readonly l1: readonly bigint[];
  /** Word index in the first clusters of the file behind the tables, and what to put there. */
  readonly words: readonly (readonly [number, bigint])[];
  readonly refcounts: readonly (readonly [number, bigint])[];
  readonly blocks: readonly (readonly [number, bigint])[];
  readonly snapshots: readonly { readonly l1: number; readonly entries: number; readonly extra: number }[];
  readonly cut: number;
}

function plans(extended: boolean): fc.Arbitrary<Plan> {
  return fc
    .record({
      version: extended ? fc.constant<2 | 3>(3) : fc.constantFrom<2 | 3>(2, 3, 3),
      clusterBits: extended ? fc.constant(14) : fc.constantFrom(9, 9, 10, 12),
      refcountOrder: fc.integer({ min: 0, max: 6 }),
    })
    .chain((base) => {
      const c = 2 ** base.clusterBits;
      const words = c / 8;
      const tables = fc.integer({ min: AT.l2 * words, max: CLUSTERS * words - 1 });
      const near = fc.tuple(fc.integer({ min: AT.l2, max: 11 }), fc.integer({ min: 0, max: 20 }));
      const place = fc.oneof(
        { weight: 4, arbitrary: near.map(([n, i]) => n * words + i) },
        { weight: 1, arbitrary: tables },
      );
      return fc.record({
        version: fc.constant(base.version),
        clusterBits: fc.constant(base.clusterBits),
        refcountOrder: fc.constant(base.version === 2 ? 4 : base.refcountOrder),
        extended: fc.constant(extended),
        l1: fc.array(entry(c), { maxLength: 8 }),
        words: fc.array(fc.tuple(place, entry(c)), { maxLength: 60 }),
        refcounts: fc.array(
          fc.tuple(fc.integer({ min: 0, max: 24 }), fc.oneof(fc.bigInt(0n, 3n), fc.constant((1n << 64n) - 1n))),
          { maxLength: 24 },
        ),
        blocks: fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), entry(c)), { maxLength: 2 }),
        snapshots: fc.array(
          fc.record({
            l1: fc.integer({ min: 0, max: 2 * CLUSTERS }).map((n) => (n * c) / 2),
            entries: fc.integer({ min: 0, max: 150 }),
            extra: fc.constantFrom(0, 16, 24),
          }),
          { maxLength: 3 },
        ),
        cut: fc.oneof(
          { weight: 3, arbitrary: fc.constant(0) },
          { weight: 1, arbitrary: fc.integer({ min: 0, max: 4 * c }) },
        ),
      });
    });
}

function build(plan: Plan): Buffer {
  const c = 2 ** plan.clusterBits;
  const file = smallImage({ ...plan, clusters: CLUSTERS, l1Entries: Math.max(4, plan.l1.length) });
  plan.l1.forEach((value, i) => {
    file.writeBigUInt64BE(value, AT.l1 * c + 8 * i);
  });
  for (const [word, value] of plan.words) file.writeBigUInt64BE(value, word * 8);
  for (const [cluster, count] of plan.refcounts) setRefcount(file, cluster, count);
  for (const [i, value] of plan.blocks) file.writeBigUInt64BE(value & ~COPIED, AT.table * c + 8 * i);
  let at = 18 * c;
  file.writeUInt32BE(plan.snapshots.length, 60);
  file.writeBigUInt64BE(BigInt(at), 64);
  for (const { l1, entries, extra } of plan.snapshots) {
    file.fill(0, at, at + 64);
    file.writeBigUInt64BE(BigInt(l1), at);
    file.writeUInt32BE(entries, at + 8);
    file.writeUInt32BE(extra, at + 36);
    at += 40 + extra;
  }
  return Buffer.from(file.subarray(0, file.length - plan.cut));
}

describe('check equals the slow check', () => {
  for (const [name, extended, numRuns] of [
    ['standard entries', false, 500],
    ['extended entries', true, 60],
  ] as const) {
    it(`on broken images with ${name}`, () => {
      fc.assert(
        fc.property(plans(extended), (plan) => {
          const file = build(plan);
          expect(counters(checkBytes(file) as unknown as SlowReport)).toEqual(counters(new SlowCheck(file)));
        }),
        { numRuns },
      );
    });
  }

  it('on honest images of every refcount width', () => {
    for (let refcountOrder = 0; refcountOrder <= 6; refcountOrder++) {
      const file = smallImage({ refcountOrder });
      const report = checkBytes(file);
      expect(counters(report as unknown as SlowReport)).toEqual(counters(new SlowCheck(file)));
      expect(report).toMatchObject({ findingCount: 0, allocatedClusters: 2, totalClusters: 4, freeBytes: 5 * 512 });
    }
  });
});
