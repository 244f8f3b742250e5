/**
 * What holds for every driver on every image: the numbered sentences of src/drivers/driver.ts, checked. A test makes
 * an image, by QEMU or by hand, and calls `expectContract`.
 */
import { expect } from 'vitest';
import type { Extent, ExtentColumns } from '../../src/bytes/extents.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { Ranges } from '../../src/bytes/ranges.ts';
import { type Device, readBytes } from '../../src/device/device.ts';
import type { Driver, Image, MappingRows, OpenContext, Region, Role } from '../../src/drivers/driver.ts';
import { Random } from '../support/random.ts';
import { ReadOnlyWitness } from '../support/read-only.ts';

/** Opens the image with the driver and checks every sentence of the contract on it. Answers the image. */
export function expectContract(driver: Driver, device: Device, context?: Partial<OpenContext>, seed = 1): Image {
  const witness = new ReadOnlyWitness(device);
  const image = driver.open(witness, { name: device.name, ...context });
  expect(image.format).toBe(driver.name);
  expectTiling(image, 0, image.size);
  expectMappingAgrees(image, new Random(seed));
  expectRegionsTile(image);
  expectFields(image, new Random(seed));
  image.getConversionOptions();
  image.info();
  return image;
}

/** Copies the batches' rows, as objects in bytes. */
export function rowsOf(image: Image, from?: number, to?: number, kept?: MappingRows): Extent[] {
  const rows: Extent[] = [];
  for (const columns of image.mappings(from, to, kept)) {
    expectColumns(image, columns);
    for (const row of columns) rows.push(row);
  }
  return rows;
}

function expectColumns(image: Image, columns: ExtentColumns): void {
  expect(columns.unit).toBe(image.unit);
  expect(columns.count).toBeLessThanOrEqual(columns.capacity);
}

/** Sentence 1. `from` and `to` in bytes, on unit borders or the disk's end. */
function expectTiling(image: Image, from: number, to: number): Extent[] {
  const rows = rowsOf(image, from, to);
  let at = from;
  let before: Extent | undefined;
  for (const row of rows) {
    if (row.guest !== at || row.length <= 0)
      throw new Error(`run at ${row.guest}, length ${row.length}: expected ${at}`);
    if (before && continues(before, row)) {
      throw new Error(`the runs at ${before.guest} and ${row.guest} (${row.kind}) are one run`);
    }
    if (row.host !== undefined && row.kind === 'data' && image.dataDevice === image.device) {
      // A source's last cluster may be cut short by the file's end.
      expect(row.host + row.length).toBeLessThan(image.device.size + Math.max(image.clusterSize, 1));
    }
    at = row.guest + row.length;
    before = row;
  }
  expect(at).toBe(Math.max(from, to));
  // Without the gaps: the same rows, less the unallocated ones.
  const mapped = rows.filter((row) => row.kind !== 'unallocated');
  expectSame(rowsOf(image, from, to, 'mapped'), mapped);
  return rows;
}

/** Whether two neighbours should have been one run. Each invalid entry may be a run of its own. */
function continues(a: Extent, b: Extent): boolean {
  if (a.kind !== b.kind || a.kind === 'invalid') return false;
  return a.host === undefined || a.host + a.length === b.host;
}

/** Sentences 1 and 2 on parts of the disk: borders of runs, and random places. */
function expectMappingAgrees(image: Image, random: Random): void {
  const { size, unit } = image;
  expect(() => image.getMapping(size)).toThrow(expect.objectContaining({ code: 'past-end' }));
  if (size === 0) return;
  const rows = rowsOf(image);
  const picked = rows.length <= 40 ? rows : Array.from({ length: 40 }, () => random.pick(rows));
  for (const row of picked) {
    const inside = row.guest + random.int(0, row.length - 1);
    for (const guest of [row.guest, inside, row.guest + row.length - 1]) expectMapping(image, row, guest);
  }
  for (let i = 0; i < 8; i++) {
    const from = Math.floor(random.int(0, size - 1) / unit) * unit;
    const to = Math.min(Math.ceil((from + random.int(1, size - from)) / unit) * unit, size);
    expectSame(expectTiling(image, from, to), clip(rows, from, to));
  }
}

function expectMapping(image: Image, row: Extent, guest: number): void {
  const { kind, length, host, fault, hostLength, ...rest } = image.getMapping(guest);
  const end = rest.guest + length;
  expect({ kind, guest: rest.guest }).toEqual({ kind: row.kind, guest });
  expect(length).toBeGreaterThan(0);
  // Columns have no room for where a stream lies or what is wrong: one answer tells of one cluster, or more.
  if (kind === 'compressed' || kind === 'invalid') expect(end).toBeLessThanOrEqual(row.guest + row.length);
  else expect(end).toBe(row.guest + row.length);
  if (row.host !== undefined && row.kind !== 'compressed') expect(host).toBe(row.host + (guest - row.guest));
  if (kind === 'invalid') expect(fault).toBeTruthy();
  if (kind === 'compressed') expect(hostLength).toBeGreaterThan(0);
}

function clip(rows: readonly Extent[], from: number, to: number): Extent[] {
  return rows.flatMap((row) => {
    const start = Math.max(row.guest, from);
    const end = Math.min(row.guest + row.length, to);
    if (start >= end) return [];
    const host = row.host === undefined ? {} : { host: row.host + (start - row.guest) };
    return [{ kind: row.kind, guest: start, length: end - start, ...host }];
  });
}

function expectSame(actual: readonly Extent[], expected: readonly Extent[]): void {
  expect(actual).toEqual(expected);
}

/** Sentence 3; the walk in slices tells the same, may be stopped anywhere, and its answer is there to be read again. */
function expectRegionsTile(image: Image): void {
  const all = [...image.regions()];
  const halfway = image.ownership();
  halfway.next();
  halfway.return([]);
  const told = runToEnd(image.ownership(), ({ what, done, total }) => {
    if (!what || !(done >= 0 && done <= total)) throw new Error(`progress: ${what} ${done} of ${total}`);
  });
  expect([...told]).toEqual(all);
  expect([...told]).toEqual(all);
  let at = 0;
  for (const region of all) {
    if (region.offset !== at || region.length <= 0) {
      throw new Error(`region ${region.role} at ${region.offset}, length ${region.length}: expected ${at}`);
    }
    at += region.length;
  }
  expect(at).toBe(image.device.size);
}

/** Sentence 5: in some regions, and on the way of some guest bytes; and what is said beside `structures`. */
function expectFields(image: Image, random: Random): void {
  const regions = [...image.regions()];
  expectStructures(image, regions, random);
  for (const region of regions.slice(0, 30)) {
    const from = region.offset + random.int(0, region.length - 1);
    const to = Math.min(from + 64, region.offset + region.length);
    for (const field of image.fields(region, from, to).slice(0, 20)) {
      const { path, offset, size, text } = field;
      if (offset >= to || offset + size <= from) throw new Error(`${path} does not lie in ${from}..${to}`);
      // A table that two own has two paths.
      expect(image.field(path)).toMatchObject({ path, offset, size, text });
      if (text.includes('…')) continue;
      const { bytes } = image.encodeField(path, text);
      expect([...bytes]).toEqual([...readBytes(image.device, offset, size)]);
    }
  }
  for (let i = 0; i < 10 && image.size > 0; i++) {
    const guest = random.int(0, image.size - 1);
    const { kind, host } = image.getMapping(guest);
    const hops = image.trace(guest);
    const at = hops.find(({ title }) => title === 'data' || title === 'compressed data')?.host;
    const stored = kind === 'data' || kind === 'encrypted' || kind === 'compressed';
    expect({ guest, at }).toEqual({ guest, at: stored && image.dataDevice === image.device ? host : undefined });
  }
}

/** Roles whose bytes `structures` leaves out. */
const NO_STRUCTURE: ReadonlySet<Role> = new Set<Role>([
  ...(['data', 'compressed', 'zero-allocated', 'snapshot-data', 'vm-state', 'bitmap-data'] as const),
  ...(['leaked', 'free'] as const),
]);

/** Structures among some bytes are the regions there that are no data, nobody's and not claimed twice. */
function expectStructures(image: Image, regions: readonly Region[], random: Random): void {
  const { size } = image.device;
  if (size === 0 || regions.some(({ role }) => role === 'overlap')) return;
  const from = random.int(0, size - 1);
  for (const [offset, end] of [
    [0, size],
    [from, random.int(from + 1, size)],
  ] as const) {
    const expected = regions.filter(
      (region) => !NO_STRUCTURE.has(region.role) && region.offset < end && region.offset + region.length > offset,
    );
    expect(runToEnd(image.structures(Ranges.of([{ offset, length: end - offset }])))).toEqual(expected);
  }
}

/** The alignment a conversion may count on, by definition: from every data run as `mappings` gives it. Bytes. */
export function alignmentOf(image: Image): number {
  let alignment = 2 ** 62;
  for (const row of rowsOf(image)) {
    if (row.kind !== 'data') continue;
    const edges = [row.guest, row.host ?? 0];
    if (row.guest + row.length < image.size) edges.push(row.length);
    for (const edge of edges) while (edge % alignment !== 0) alignment /= 2;
  }
  return alignment;
}
