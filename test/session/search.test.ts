/** Searching: the same hits as looking at every byte, whatever the pieces; and every table of every sample is found. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runToEnd } from '../../src/bytes/progress.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import type { Lookalike } from '../../src/drivers/driver.ts';
import { DRIVERS } from '../../src/drivers/registry.ts';
import { type Hits, search } from '../../src/session/search.ts';
import { Random, SEED } from '../support/random.ts';
import { samples } from '../support/samples.ts';

/** Larger than a piece, of few different bytes. */
const AREA = new Uint8Array(1_200_000);
const random = new Random(SEED);
for (let i = 0; i < AREA.length; i += random.int(1, 9)) AREA[i] = random.int(0, 3);

function everywhere(bytes: Uint8Array, align: number, from: number, to: number): number[] {
  const found: number[] = [];
  for (let at = Math.ceil(from / align) * align; at < to && at + bytes.length <= AREA.length; at += align) {
    if (bytes.every((byte, i) => AREA[at + i] === byte)) found.push(at);
  }
  return found;
}

describe('bytes', () => {
  it('are found as by looking everywhere, in both directions, as many as asked for', () => {
    const place = fc.nat(AREA.length - 1);
    fc.assert(
      fc.property(
        place,
        fc.integer({ min: 1, max: 12 }),
        fc.constantFrom(1, 2, 3, 16, 512),
        place,
        place,
        (at, n, align, a, b) => {
          const bytes = AREA.slice(at, at + n);
          const [from, to] = [Math.min(a, b), Math.max(a, b) + 1];
          const all = everywhere(bytes, align, from, to);
          const sought = { words: '', needle: { kind: 'bytes' as const, bytes }, align, from, to };
          const device = new MemoryDevice(AREA);
          const some = runToEnd(search(device, sought, { limit: 50 })).hits.map(({ offset }) => offset);
          expect(some).toEqual(all.slice(0, 50));
          const last = runToEnd(search(device, sought, { limit: 50, backwards: true })).hits.map(
            ({ offset }) => offset,
          );
          expect(last).toEqual(all.reverse().slice(0, 50));
        },
      ),
      { numRuns: 25 },
    );
  });

  it('go on where the limit was reached', () => {
    const bytes = Uint8Array.of(1, 0);
    const sought = { words: '', needle: { kind: 'bytes' as const, bytes }, align: 1, from: 0, to: AREA.length };
    const device = new MemoryDevice(AREA);
    const all = everywhere(bytes, 1, 0, AREA.length).slice(0, 40);
    const found: number[] = [];
    for (let from: number | undefined = 0; from !== undefined && found.length < 40; ) {
      const { hits, next }: Hits = runToEnd(search(device, { ...sought, from }, { limit: 7 }));
      found.push(...hits.map(({ offset }) => offset));
      from = next;
    }
    expect(found.slice(0, 40)).toEqual(all);
  });
});

const ROLES = ['l2', 'refcount-block'] as const;

describe.each(samples())('structures of $name', ({ image }) => {
  const driver = DRIVERS.find(({ name }) => name === image.format);
  const all = driver?.lookalikes?.({ fileSize: image.device.size, image }) ?? [];

  it('are found where they are; L2 tables that map something, and counters wide enough to tell', () => {
    if (image.format === 'raw') {
      expect(all).toEqual([]);
      return;
    }
    const regions = [...image.regions()];
    for (const role of [...ROLES, 'header'] as const) {
      const lookalike = all.find(({ name }) => name === role);
      if (!lookalike) continue;
      const { align } = lookalike;
      const sought = { words: role, needle: { kind: 'structure' as const, format: image.format, lookalike }, align };
      const { hits } = runToEnd(search(image.device, { ...sought, from: 0, to: image.device.size }, { limit: 10_000 }));
      const offsets = new Set(hits.map(({ offset }) => offset));
      const real = regions.filter((region) => region.role === role).map(({ offset }) => offset);
      for (const offset of real) {
        const fields = image.fields({ offset, length: 8, role }, offset, offset + 8);
        const isTold =
          role === 'header' || (role === 'l2' ? mapsData(image, offset, lookalike.length) : (fields[0]?.size ?? 0) > 1);
        if (isTold) expect(offsets, `${role} at ${offset}`).toContain(offset);
      }
    }
  });
});

describe('structures of a file that tells nothing', () => {
  it.each(samples().filter(({ image }) => image.format !== 'raw' && image.dataDevice === image.device))(
    '$name: L2 tables are found with a supposed cluster size',
    ({ image, name }) => {
      if (name === 'subclusters.qcow2') return;
      const { clusterSize, device, format } = image;
      const driver = DRIVERS.find((one) => one.name === format);
      const lookalike = driver
        ?.lookalikes?.({ fileSize: device.size, clusterSize })
        .find((one) => one.name === 'l2') as Lookalike;
      const sought = { words: 'l2', needle: { kind: 'structure' as const, format, lookalike }, align: clusterSize };
      const { hits } = runToEnd(search(device, { ...sought, from: 0, to: device.size }, { limit: 10_000 }));
      const real = [...image.regions()].filter(({ role }) => role === 'l2');
      const told = real.filter(({ offset }) => mapsData(image, offset, clusterSize));
      for (const { offset } of told) expect(hits.map((hit) => hit.offset)).toContain(offset);
    },
  );
});

/** Whether some entry of the L2 table leads to a place in the file, and the data lie in the file too. */
function mapsData(image: ReturnType<typeof samples>[number]['image'], offset: number, length: number): boolean {
  const region = [...image.regions()].find((one) => one.offset === offset);
  if (!region || image.dataDevice !== image.device) return false;
  return image.fields(region, offset, offset + length).some(({ points }) => points !== undefined);
}
