/** The way of a guest byte, stop by stop, ends where `getMapping` says that the byte is. */
import { describe, expect, it } from 'vitest';
import type { Hop } from '../../src/bytes/field.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { Random } from '../support/random.ts';
import { samples } from '../support/samples.ts';

const titles = (hops: readonly Hop[]): string[] => hops.map(({ title }) => title);

/** Each stop leads to the next one, by what its field points at. */
function expectLinked(hops: readonly Hop[]): void {
  for (const [i, hop] of hops.entries()) {
    if (hop.field) expect(hop).toMatchObject({ host: hop.field.offset, length: hop.field.size });
    const next = hops[i + 1];
    if (hop.title !== 'L1 entry' || next?.title !== 'L2 entry') continue;
    expect(next.host).toBeGreaterThanOrEqual(hop.field?.points ?? Number.NaN);
    expect(hop.says).toContain(`0x${hop.field?.points?.toString(16)}`);
  }
}

function expectEnd(image: Image, guest: number, hops: readonly Hop[]): void {
  const { kind, host, fault, hostLength } = image.getMapping(guest);
  const last = hops.filter(({ title }) => title !== 'refcount').at(-1) as Hop;
  switch (kind) {
    case 'data':
    case 'encrypted':
      if (image.dataDevice === image.device) expect(last).toMatchObject({ title: 'data', host });
      else expect(last.title).toBe('data file');
      break;
    case 'compressed':
      expect(last).toMatchObject({ title: 'compressed data', host });
      expect(last.length).toBeLessThanOrEqual(hostLength ?? 0);
      break;
    case 'invalid':
      expect(last.says).toContain(fault);
      break;
    case 'unallocated':
    case 'unallocated-allocated':
      expect(last.title).toBe(image.info().backing ? 'backing file' : 'hole');
      expect(last.host).toBeUndefined();
      break;
    default:
      expect(last).toMatchObject({ title: expect.stringMatching(/^(zeros|data file)$/) });
      expect(last.host).toBeUndefined();
  }
}

/** Of the cluster a data hop is in. */
function expectCounted(image: Image, hops: readonly Hop[]): void {
  const data = hops.find(({ title }) => title === 'data' || title === 'compressed data');
  const counts = hops.filter(({ title, field }) => title === 'refcount' && field);
  if (!data || image.format !== 'qcow2') return;
  expect(counts.map(({ field }) => field?.path)).toContain(
    `refcount[${Math.floor((data.host as number) / image.clusterSize)}]`,
  );
  for (const { field } of counts) expect(image.field(field?.path ?? '')).toEqual(field);
}

describe('trace', () => {
  it.each(samples(true))('$name: ends where getMapping says', ({ image }) => {
    const random = new Random(11);
    const places = Array.from({ length: 40 }, () => random.int(0, image.size - 1));
    const starts = [...image.mappings()].flatMap((batch) => [...batch].slice(0, 100).map(({ guest }) => guest));
    for (const guest of [0, image.size - 1, ...places, ...starts]) {
      const hops = image.trace(guest);
      expect(hops.length).toBeGreaterThan(0);
      expectLinked(hops);
      expectEnd(image, guest, hops);
      expectCounted(image, hops);
    }
    expect(() => image.trace(image.size)).toThrow(expect.objectContaining({ code: 'past-end' }));
  });

  it('takes the two steps through the tables', () => {
    const start = samples().find(({ name }) => name === 'start.qcow2')?.image as Image;
    expect(titles(start.trace(0))).toEqual(['L1 entry', 'L2 entry', 'data', 'refcount']);
    const qed = samples().find(({ name }) => name === 'plain.qed')?.image as Image;
    expect(titles(qed.trace(0))).toEqual(['L1 entry', 'L2 entry', 'data']);
  });
});
