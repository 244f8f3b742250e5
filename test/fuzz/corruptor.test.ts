/** The corruptor itself: the same seed, the same bytes; every declared field is reached; failures are made small. */
import { describe, expect, it } from 'vitest';
import type { Device } from '../../src/device/device.ts';
import type { Driver, Image } from '../../src/drivers/driver.ts';
import { driverNamed } from '../../src/drivers/registry.ts';
import { ImageError } from '../../src/errors.ts';
import { allocated, countAllocations } from '../support/allocated.ts';
import { type Change, fewest, spoilt } from '../support/corruptor.ts';
import { exercise } from '../support/exercise.ts';
import { Random } from '../support/random.ts';
import { corruptorsOf } from './fuzz.ts';

countAllocations();

describe.each(['qcow2', 'qed'] as const)('%s', (format) => {
  const bases = corruptorsOf(format);

  it('the same seed gives the same bytes, other than those of the base', () => {
    let changed = 0;
    for (let seed = 0; seed < 100; seed++) {
      const base = bases[seed % bases.length] as (typeof bases)[number];
      const once = spoilt(base.base, base.changes(new Random(seed)));
      expect(Buffer.compare(once, spoilt(base.base, base.changes(new Random(seed))))).toBe(0);
      if (Buffer.compare(once, base.base) !== 0) changed++;
    }
    expect(changed).toBeGreaterThan(85);
  });

  it('reaches every field that the driver declares', () => {
    const reached = new Set<string>();
    for (let seed = 0; seed < 20_000; seed++) {
      const random = new Random(seed);
      for (const { says } of random.pick(bases).changes(random)) {
        reached.add(
          (/^[^ ]+/.exec(says)?.[0] ?? '')
            .replaceAll(/\[[^\]]*\]/g, '[]')
            .split('.')
            .at(-1) as string,
        );
      }
    }
    const declared = driverNamed(format).layouts.flatMap(({ name, fields }) =>
      // No sample has a LUKS header: its key derivation makes it too large.
      name === 'qcow2.crypto_extension' ? [] : Object.keys(fields),
    );
    expect(declared.filter((field) => !reached.has(field))).toEqual([]);
    const entries =
      format === 'qcow2' ? ['l1[]', 'l2[][]', 'refcount_table[]', 'refcount[]', 'table[]'] : ['l1[]', 'l2[][]'];
    expect(entries.filter((entry) => !reached.has(entry))).toEqual([]);
  });
});

describe('what a run would find', () => {
  const change = (at: number): Change => ({ says: `at ${at}`, at, bytes: Uint8Array.of(1) });

  it('of many changes, those that matter', () => {
    const base = new Uint8Array(8);
    const few = fewest(base, [0, 1, 2, 3].map(change), (bytes) => bytes[1] === 1 && bytes[3] === 1);
    expect(few.map(({ says }) => says)).toEqual(['at 1', 'at 3']);
  });

  /** A driver with something wrong, which `exercise` must notice. */
  function wrong(open: (device: Device) => Image): Driver {
    return { ...driverNamed('qcow2'), open };
  }
  const good = corruptorsOf('qcow2').find(({ name }) => name === 'plain.qcow2') as ReturnType<
    typeof corruptorsOf
  >[number];
  const openGood = (device: Device): Image => good.driver.open(device, { name: 'x' });
  const tried =
    (driver: Driver): (() => unknown) =>
    () =>
      exercise(driver, good.base, new Random(1));

  it('a good driver, and one that complains', () => {
    expect(tried(good.driver)).not.toThrow();
    const refuses = wrong(() => {
      throw new ImageError({ code: 'no', what: 'no' });
    });
    expect(tried(refuses)).not.toThrow();
  });

  it.each<[string, (device: Device) => Image, RegExp]>([
    ['a crash', () => (undefined as unknown as { x: Image }).x, /undefined/],
    [
      'a write',
      (device) => {
        device.write(0, new Uint8Array(1));
        return openGood(device);
      },
      /reading wrote/,
    ],
    [
      'reads without end',
      (device) => {
        for (;;) device.read(0, new Uint8Array(1));
      },
      /more than \d+ reads/,
    ],
    [
      'a large table',
      (device) => {
        expect(new Float64Array(2 ** 23)).toHaveLength(2 ** 23);
        return openGood(device);
      },
      /largest/,
    ],
    [
      'work without end',
      (device) =>
        Object.assign(openGood(device), {
          *check(): Generator<object> {
            for (;;) yield {};
          },
        }) as Image,
      /does not come to an end/,
    ],
  ])('%s is a failure', (_, open, message) => {
    expect(tried(wrong(open))).toThrow(message);
  });

  it('bytes of arrays are counted as they are asked for', () => {
    const before = allocated().bytes;
    const arrays = [new Uint8Array(1000), new Float64Array(1000), Buffer.alloc(1000), new Int32Array([1, 2])];
    expect(arrays[1]).toBeInstanceOf(Float64Array);
    expect(allocated()).toMatchObject({ bytes: before + 10_000, largest: 8000 });
  });
});
