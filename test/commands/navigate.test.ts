/** follow, back, forward: every pointer of every sample leads where it says, and the way back leads where it came from. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/bytes/field.ts';
import type { Image } from '../../src/drivers/driver.ts';
import { samples } from '../support/samples.ts';
import { SAMPLES, transcript } from './transcript.ts';

interface Arrived {
  readonly place: {
    readonly followed?: string;
    readonly host: number;
    readonly owner: string;
    readonly field?: string;
  };
  readonly bytes: readonly { readonly offset: number; readonly hex: string; readonly spans: readonly unknown[] }[];
}

/** A few pointers of each sort. */
function pointersOf(image: Image): Field[] {
  const lists = ['header', 'l1', 'l2', 'refcount_table', 'snapshot', 'bitmap'];
  const names = new Set(image.fieldNames('').map((name) => name.replace(/[.[]$/, '')));
  return lists
    .filter((name) => names.has(name))
    .flatMap((name) =>
      image
        .fieldList(name, 200)
        .fields.filter(({ points }) => points !== undefined)
        .slice(0, 4),
    );
}

describe.each(samples(true).filter(({ image }) => image.format !== 'raw'))('$name', ({ name, image }) => {
  it('follow leads where the field says; back leads to the field', async () => {
    const pointers = pointersOf(image);
    expect(pointers.length).toBeGreaterThan(1);
    for (const { path, points = 0, offset } of pointers) {
      const lines = [`follow ${path}`, 'back', 'forward'];
      const { text, status } = await transcript(lines, { image: join(SAMPLES, name), json: true });
      if (points >= image.device.size) {
        expect(text).toContain('"past-end"');
        continue;
      }
      expect(status).toBe(0);
      const [there, before, again] = text.split(/(?<=^\})\n/m).map((part) => JSON.parse(part || 'null') as Arrived);
      expect(there?.place).toMatchObject({ followed: path, host: points });
      expect(there?.bytes[0]?.offset).toBe(points);
      expect(before?.place.host).toBe(offset);
      expect(again?.place.host).toBe(points);
    }
  });
});

describe('follow', () => {
  const START = join(SAMPLES, 'start.qcow2');

  it('without a field goes on from where the cursor is, to the data', async () => {
    const { text } = await transcript(['follow header.l1_table_offset', 'follow', 'follow', 'follow'], {
      image: START,
    });
    expect(text).toContain('followed: l1[0] = 0x4000 copied');
    expect(text).toContain('followed: l2[0][0] = 0x5000 copied');
    expect(text).toContain('no field is at 0x5000');
  });

  it('says why it goes nowhere, and stays', async () => {
    const { text } = await transcript(['x 0 16', 'follow header.size', 'follow l2[0][4]', 'back'], { image: START });
    expect(text).toMatch(/header\.size is .* it leads nowhere/);
    expect(text).toMatch(/l2\[0\]\[4\] is .* it leads nowhere/);
    expect(text).toContain('there is no place to go back to');
  });

  it('of an image that is refused goes by its header', async () => {
    const image = join(SAMPLES, 'refused/cluster-bits-range.qcow2');
    const lines = [`open --broken ${image}`, 'follow header.l1_table_offset', 'back'];
    const { text, status } = await transcript(lines);
    expect(status).toBe(0);
    expect(text).toContain('host: 0x3000\nowner: not known');
  });
});

describe('x', () => {
  it.each(samples())('$name: owners and fields tile every line', async ({ name, image }) => {
    const length = Math.min(image.device.size, 8192);
    const { text } = await transcript([`x 0 ${length}`], { image: join(SAMPLES, name), json: true });
    const lines = JSON.parse(text) as { offset: number; hex: string; spans: { offset: number; length: number }[] }[];
    let at = 0;
    for (const line of lines) {
      for (const span of line.spans) {
        expect(span.offset).toBe(at);
        at += span.length;
      }
      expect(at - line.offset).toBe(line.hex.length / 2);
    }
    expect(at).toBe(length);
  });

  it('names the gaps of a structure', async () => {
    const { text } = await transcript(['x 0x60 32', 'x 0x5000 16'], { image: join(SAMPLES, 'start.qcow2') });
    expect(text).toContain('16 bytes in no field');
    expect(text).toMatch(/0x00005000 .*\| {2}data$/m);
  });
});
