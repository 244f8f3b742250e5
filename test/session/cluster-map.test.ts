/** The cluster map against a scan of every byte's owner: cells, shares, totals, marks, regions, at any grain. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Image, Region, Role } from '../../src/drivers/driver.ts';
import { ClusterMap } from '../../src/session/cluster-map.ts';
import { MARK, Pyramid } from '../../src/session/pyramid.ts';
import { RegionIndex } from '../../src/session/region-index.ts';
import { aloneOf, shareOf } from '../../src/session/share.ts';
import { ROLES_BY_WEIGHT, SHARES_BY_WEIGHT } from '../../src/session/weights.ts';
import { fakeImage } from '../commands/fake-image.ts';

interface FakeFile {
  readonly clusterSize: number;
  readonly regions: readonly Region[];
  readonly size: number;
}

const aFile = fc
  .record({
    clusterSize: fc.constantFrom(512, 1024, 4096),
    pieces: fc.array(
      fc.record({ role: fc.constantFrom(...ROLES_BY_WEIGHT), clusters: fc.integer({ min: 1, max: 60 }) }),
      {
        minLength: 1,
        maxLength: 60,
      },
    ),
    short: fc.nat(511),
  })
  .map(({ clusterSize, pieces, short }): FakeFile => {
    const regions: Region[] = [];
    let offset = 0;
    // As drivers tell them: what has no label is one region as far as it goes.
    const runs = pieces.filter(({ role }, i) => role === 'l2' || role !== pieces[i - 1]?.role);
    for (const [i, { role, clusters }] of runs.entries()) {
      const length = clusters * clusterSize - (i === runs.length - 1 ? short : 0);
      regions.push({ offset, length, role, label: role === 'l2' ? `l2 table ${i}` : undefined } as Region);
      offset += length;
    }
    return {
      clusterSize,
      regions: regions.map(({ label, ...r }) => (label === undefined ? r : { ...r, label })),
      size: offset,
    };
  });

function imageOf({ clusterSize, regions, size }: FakeFile): Image {
  const device = new MemoryDevice(new Uint8Array(0));
  device.resize(size);
  return {
    ...fakeImage([], clusterSize),
    device,
    regions: () => regions,
    *ownership() {
      yield { what: 'nothing', done: 0, total: 0 };
      return regions;
    },
  };
}

function mapOf(
  source: FakeFile,
  target?: FakeFile,
  options: ConstructorParameters<typeof ClusterMap>[2] = {},
): ClusterMap {
  const map = new ClusterMap(imageOf(source), target && imageOf(target), options);
  runToEnd(map.build());
  return map;
}

function roleOf(file: FakeFile, offset: number): Role {
  return file.regions.find((r) => offset >= r.offset && offset < r.offset + r.length)?.role ?? 'free';
}

const MOST = 100;

/** Offsets where something can change, between two bytes: enough to see all that a scan of every byte sees. */
function samples(map: ClusterMap, from: number, to: number): number[] {
  const first = Math.floor(from / map.unit) * map.unit;
  const found: number[] = [];
  for (let at = first; at < Math.ceil(to / map.unit) * map.unit && at < map.size; at += 512) found.push(at);
  return found;
}

function mostOf<T>(all: readonly T[], byWeight: readonly T[]): T | undefined {
  const wrong = byWeight.slice(0, 2).find((one) => all.includes(one));
  if (wrong !== undefined) return wrong;
  const counted = (one: T): number => all.filter((other) => other === one).length;
  return [...byWeight].filter((one) => all.includes(one)).sort((a, b) => counted(b) - counted(a))[0];
}

const aStretch = fc.record({ from: fc.nat(2 ** 18), length: fc.integer({ min: 1, max: 2 ** 17 }) });
const SMALL = { numRuns: 80 };

describe('the cluster map', () => {
  it('shows the gravest role of a stretch, and totals that sum up to the file', () => {
    fc.assert(
      fc.property(aFile, fc.array(aStretch, { maxLength: 20 }), fc.boolean(), (file, stretches, coarse) => {
        const map = mapOf(file, undefined, { mostUnits: coarse ? MOST : 2 ** 24 });
        for (const { from, length } of stretches) {
          const roles = samples(map, from, from + length).map((at) => roleOf(file, at));
          const gravest = ROLES_BY_WEIGHT.find((role) => roles.includes(role)) ?? 'free';
          expect(map.source.cell(from, from + length)).toEqual({ role: gravest, changed: false });
          expect(map.share(from, from + length)).toBe(aloneOf(gravest));
        }
        const sum = (totals: Readonly<Partial<Record<string, number>>>): number =>
          Object.values(totals).reduce((all: number, n) => all + (n ?? 0), 0);
        expect(sum(map.source.totals())).toBe(file.size);
        expect(sum(map.shares())).toBe(file.size);
        expect(map.complete).toBe(true);
      }),
      SMALL,
    );
  });

  it('shows what most of a cell is, but what is wrong always', () => {
    fc.assert(
      fc.property(aFile, aFile, fc.integer({ min: 1, max: 40 }), (a, b, perCell) => {
        const map = mapOf(a, b);
        const cellBytes = perCell * map.unit;
        for (let cell = 0; cell * cellBytes < map.size; cell++) {
          const units = Array.from({ length: perCell }, (_, i) => (cell * perCell + i) * map.unit);
          const inside = units.filter((at) => at < Math.ceil(map.source.size / map.unit) * map.unit);
          const roles = inside.map((at) => map.source.roleAt(at));
          const role = mostOf(roles, ROLES_BY_WEIGHT) ?? 'free';
          expect(map.source.most(cell, cellBytes).role).toBe(role);
          const shares = units.filter((at) => at < map.size).map((at) => map.share(at, at + 1));
          expect(map.mostShare(cell, cellBytes)).toBe(mostOf(shares, SHARES_BY_WEIGHT));
        }
      }),
      SMALL,
    );
  });

  it('shows the gravest share of both sides', () => {
    fc.assert(
      fc.property(aFile, aFile, fc.array(aStretch, { maxLength: 20 }), fc.boolean(), (a, b, stretches, coarse) => {
        const map = mapOf(a, b, { mostUnits: coarse ? MOST : 2 ** 24 });
        expect(map.size).toBe(Math.max(a.size, b.size));
        const shareAt = (at: number) => shareOf(roleOf(a, at), roleOf(b, at));
        for (const { from, length } of stretches) {
          const shares = samples(map, from, from + length).flatMap((at) => [
            shareAt(at),
            shareAt(Math.min(at + 511, map.size - 1)),
          ]);
          expect(map.share(from, from + length)).toBe(
            SHARES_BY_WEIGHT.find((share) => shares.includes(share)) ?? 'free',
          );
        }
        const totals: Record<string, number> = {};
        const edges = [...a.regions, ...b.regions].flatMap((r) => [r.offset, r.offset + r.length]);
        const cuts = [...new Set([0, ...edges, map.size])].filter((at) => at <= map.size).sort((x, y) => x - y);
        for (const [i, at] of cuts.slice(0, -1).entries()) {
          totals[shareAt(at)] = (totals[shareAt(at)] ?? 0) + (cuts[i + 1] as number) - at;
        }
        expect(map.shares()).toEqual(totals);
        expect([...map.stretches()].reduce((end, { offset, length }) => (offset === end ? end + length : -1), 0)).toBe(
          map.size,
        );
      }),
      SMALL,
    );
  });

  it('marks what has another owner than before, and what was written', () => {
    const written = fc.array(aStretch, { maxLength: 3 }).map((all) => {
      const sorted = all
        .map(({ from, length }) => ({ offset: from, length: (length % 700) + 1 }))
        .sort((x, y) => x.offset - y.offset);
      return sorted.filter(({ offset }, i) => i === 0 || offset > (sorted[i - 1] as { offset: number }).offset + 701);
    });
    fc.assert(
      fc.property(aFile, aFile, written, fc.array(aStretch, { maxLength: 20 }), (a, b, writes, stretches) => {
        const before = mapOf(a);
        const map = mapOf(b, undefined, { before, written: writes });
        const { unit } = map;
        const changed = (at: number): boolean =>
          before.source.roleAt(at) !== map.source.roleAt(at) ||
          writes.some((w) => Math.floor(w.offset / unit) * unit <= at && w.offset + w.length > at);
        for (const { from, length } of stretches) {
          const units = samples(map, from, from + length).filter((at) => at % unit === 0);
          expect(map.source.cell(from, from + length).changed).toBe(units.some(changed));
        }
      }),
      SMALL,
    );
  });

  it('finds the region of a byte, also where it keeps those of tables only', () => {
    fc.assert(
      fc.property(aFile, fc.array(fc.nat(), { maxLength: 20 }), fc.boolean(), (file, places, keepsAll) => {
        const map = mapOf(file, undefined, { regionsKept: keepsAll ? 2 ** 20 : 4 });
        const few = new RegionIndex(4);
        for (const region of file.regions) few.add(region);
        for (const place of places) {
          const at = place % file.size;
          const owner = file.regions.find((r) => at >= r.offset && at < r.offset + r.length);
          expect(map.source.regionAt(at)).toEqual(owner);
          const found = few.find(at);
          if (owner?.label !== undefined) expect(found).toEqual(owner);
          else if (found) expect(found).toEqual(owner);
        }
      }),
      SMALL,
    );
  });
});

describe('a pyramid', () => {
  it('answers what a scan answers', () => {
    const codes = fc.array(fc.record({ code: fc.nat(30), mark: fc.boolean() }), { minLength: 1, maxLength: 5000 });
    fc.assert(
      fc.property(
        codes,
        fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 30 }),
        fc.nat(),
        (units, stretches, half) => {
          const pyramid = new Pyramid(units.length, 31);
          for (const [i, { code, mark }] of units.entries()) pyramid.units[i] = code | (mark ? MARK : 0);
          pyramid.raise(half % units.length);
          pyramid.raise(units.length);
          for (const [a, b] of stretches) {
            const from = a % units.length;
            const to = from + 1 + (b % (units.length - from));
            const part = units.slice(from, to);
            const least = part.reduce((least, { code }) => Math.min(least, code), 31);
            expect(pyramid.least(from, to)).toBe(least | (part.some(({ mark }) => mark) ? MARK : 0));
          }
        },
      ),
      SMALL,
    );
  });
});

describe('shares', () => {
  it.each([
    ['data', 'data', 'shared'],
    ['compressed', 'zero-allocated', 'shared'],
    ['data', 'l2', 'overlap'],
    ['l2', 'data', 'overlap'],
    ['refcount-block', 'l1', 'overlap'],
    ['header', 'header', 'shared'],
    ['header', 'l1', 'overlap'],
    ['l2', 'header', 'source-only'],
    ['data', 'header', 'source-only'],
    ['leaked', 'header', 'target-only'],
    ['data', 'leaked', 'source-only'],
    ['l1', 'free', 'source-only'],
    ['free', 'l2', 'target-only'],
    ['leaked', 'data', 'target-only'],
    ['free', 'free', 'free'],
    ['free', 'leaked', 'leaked'],
    ['leaked', 'free', 'free'],
    ['leaked', 'leaked', 'leaked'],
    ['overlap', 'free', 'overlap'],
    ['data', 'overlap', 'overlap'],
  ] as const)('source %s, target %s: %s', (source, target, share) => {
    expect(shareOf(source, target)).toBe(share);
  });

  it('without a target, what is used is shared', () => {
    expect(ROLES_BY_WEIGHT.map(aloneOf)).toEqual([
      'overlap',
      'leaked',
      ...ROLES_BY_WEIGHT.slice(2, -1).map(() => 'shared'),
      'free',
    ]);
  });
});
