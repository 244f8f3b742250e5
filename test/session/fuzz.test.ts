/** A fuzz is a seed: the same bytes again, inside what was named, and undone without a trace. */
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Seeded } from '../../src/bytes/seeded.ts';
import { ImageError } from '../../src/errors.ts';
import { type FuzzTarget, fuzz } from '../../src/session/fuzz.ts';
import { SAMPLES, transcript } from '../commands/transcript.ts';
import { samples } from '../support/samples.ts';

const FUZZ_WAYS = ['boundary', 'flip', 'random', 'swap', 'zero', 'truncate'] as const;

describe.each(samples().filter(({ image }) => image.format !== 'raw'))('$name', ({ name, image, bytes }) => {
  const groups = image.fieldNames('').map((root) => image.fieldList(root.replace(/[.[]$/, ''), 300).fields);
  const fields = groups.filter((group) => group.length > 0);

  it('changes what was named and nothing else, the same with the same seed', () => {
    const target: fc.Arbitrary<FuzzTarget> = fc.oneof(
      fc.constantFrom(...fields).map((all) => ({ kind: 'fields' as const, fields: all })),
      fc.tuple(fc.nat(bytes.length - 2), fc.integer({ min: 1, max: 5000 })).map(([offset, length]) => ({
        kind: 'range' as const,
        offset,
        length: Math.min(length, bytes.length - offset),
      })),
    );
    fc.assert(
      fc.property(target, fc.option(fc.constantFrom(...FUZZ_WAYS), { nil: undefined }), fc.nat(), (what, way, seed) => {
        let change: ReturnType<typeof fuzz>;
        try {
          change = fuzz(image, what, way, new Seeded(seed));
        } catch (error) {
          expect(error).toBeInstanceOf(ImageError);
          expect((error as ImageError).code).toBe('nothing-to-fuzz');
          return;
        }
        expect(fuzz(image, what, way, new Seeded(seed))).toEqual(change);
        if (way) expect(change.way).toBe(way);
        const named =
          what.kind === 'range' ? [what] : what.fields.map(({ offset, size }) => ({ offset, length: size }));
        const isNamed = (at: number): boolean =>
          named.some(({ offset, length }) => offset <= at && at < offset + length);
        for (const write of change.writes) {
          for (let i = 0; i < write.bytes.length; i++)
            if (!isNamed(write.offset + i)) expect.unreachable(`${name}: ${i}`);
        }
        if (change.size !== undefined) expect(isNamed(change.size)).toBe(true);
        const differs = change.writes.some((w) => w.bytes.some((byte, i) => byte !== bytes[w.offset + i]));
        if (change.way === 'flip' || change.way === 'boundary') expect(differs).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
});

describe('fuzz', () => {
  const image = join(SAMPLES, 'start.qcow2');

  it('is a step that says its seed; run again it does the same, and undone it leaves no trace', async () => {
    const { text } = await transcript(['fuzz l2[0] boundary --times 3', 'steps', 'undo', 'check', 'discard'], {
      image,
    });
    const step = /fuzz l2\[0\] boundary --seed \d+ --times 3/.exec(text)?.[0] as string;
    const seed = /^seed (\d+)/.exec(text)?.[1];
    expect(step).toContain(`--seed ${seed}`);
    expect(text).toContain('No errors were found');
    const again = await transcript([step, 'discard'], { image });
    expect(again.text.split('\n').slice(0, 4)).toEqual(text.split('\n').slice(0, 4));
  });

  it('that would leave an image that does not open is dropped, and says the seed', async () => {
    const { text } = await transcript(['fuzz header.magic flip --seed 4', 'steps'], { image });
    expect(text).toContain('fuzz header.magic flip --seed 4: qcow2 header: magic');
    expect(text).toContain('no steps');
    const kept = await transcript([
      `open --broken ${image}`,
      'fuzz header.magic flip --seed 4',
      'undo',
      'check',
      'discard',
    ]);
    expect(kept.text).toContain('refused: qcow2 header: magic');
    expect(kept.text).toContain('No errors were found');
  });

  it('takes a byte for all that its owner has there, and ranges', async () => {
    const { text } = await transcript(['fuzz 0x4008 zero', 'fuzz 0x5000+512 random', 'fuzz 0x5000+4 boundary'], {
      image,
    });
    expect(text).toContain('0x4000..0x5000, zero: zeros');
    expect(text).toContain('0x5000..0x5200, random');
    expect(text).toContain('no boundary values');
  });
});
