/** The digest of a mapping: equal for equal mappings however they are cut into rows, different for different ones. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Extent, extentColumns } from '../../src/bytes/extents.ts';
import { MappingDigest } from '../../src/convert/digest.ts';

const UNIT = 4096;
const END = 64 * UNIT;

/** A disk of 64 clusters, each nothing, zeros, or data at some host cluster. */
const cell = fc.oneof(
  fc.constant<Extent['kind']>('unallocated'),
  fc.constantFrom<Extent['kind']>('zero', 'zero-allocated'),
  fc.integer({ min: 1, max: 2 ** 30 }),
);
const disk = fc.array(cell, { minLength: 64, maxLength: 64 });
type Cell = Extent['kind'] | number;

function row(at: number, value: Cell): Extent {
  const place = { guest: at * UNIT, length: UNIT };
  if (typeof value === 'number') return { kind: 'data', host: value * UNIT, ...place };
  return value === 'zero-allocated' ? { kind: value, host: UNIT, ...place } : { kind: value, ...place };
}

/** Rows joined where they continue each other, as drivers join them; `unit` may be smaller than the cluster. */
function joined(cells: readonly Cell[]): Extent[] {
  const rows: Extent[] = [];
  for (const [at, value] of cells.entries()) {
    const next = row(at, value);
    const last = rows.at(-1);
    const goesOn = last?.kind === next.kind && (last.host === undefined || last.host + last.length === next.host);
    if (last && goesOn) rows[rows.length - 1] = { ...last, length: last.length + UNIT };
    else rows.push(next);
  }
  return rows;
}

function digest(rows: readonly Extent[], unit: number, zeroIsNothing: boolean, cut: number): string {
  const found = new MappingDigest(zeroIsNothing, 512);
  for (let i = 0; i < rows.length; i += cut) found.add(extentColumns(rows.slice(i, i + cut), unit, END));
  return found.text();
}

/** What the guest reads where, cluster by cluster: what the digest is a digest of. */
function meaning(cells: readonly Cell[], zeroIsNothing: boolean): string {
  return cells
    .map((value) => (typeof value === 'number' ? value : value === 'unallocated' || zeroIsNothing ? '-' : '0'))
    .join(' ');
}

describe('MappingDigest', () => {
  it('does not depend on rows, units or batches', () => {
    fc.assert(
      fc.property(disk, fc.boolean(), fc.integer({ min: 1, max: 70 }), (cells, zeroIsNothing, cut) => {
        const whole = digest(joined(cells), UNIT, zeroIsNothing, 1000);
        const single = cells.map((value, at) => row(at, value));
        expect(digest(single, UNIT, zeroIsNothing, cut)).toBe(whole);
        expect(digest(joined(cells), 512, zeroIsNothing, cut)).toBe(whole);
      }),
    );
  });

  it('tells any two mappings apart that read differently, and no others', () => {
    fc.assert(
      fc.property(disk, fc.integer({ min: 0, max: 63 }), cell, fc.boolean(), (cells, at, value, zeroIsNothing) => {
        const other = cells.with(at, value);
        const same = meaning(cells, zeroIsNothing) === meaning(other, zeroIsNothing);
        const equal = digest(joined(cells), UNIT, zeroIsNothing, 9) === digest(joined(other), UNIT, zeroIsNothing, 9);
        expect(equal).toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  it('sees differences beyond 1 TiB', () => {
    const at = (host: number): string => digest([{ kind: 'data', guest: 0, length: UNIT, host }], UNIT, true, 1);
    const hosts = [0, 1, 2, 2 ** 9, 2 ** 12, 2 ** 20].map((n) => UNIT + n * 2 ** 41);
    expect(new Set(hosts.map(at)).size).toBe(hosts.length);
  });
});
