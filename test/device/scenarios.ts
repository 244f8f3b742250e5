/** Small commits of every shape, with the image they start from and the one they shall end in. */
import { Ranges } from '../../src/bytes/ranges.ts';
import type { CommitRules, CommitSource } from '../../src/device/commit-source.ts';
import { MemoryDevice } from '../../src/device/memory.ts';

/** Not a multiple of a sector: files end anywhere. */
export const OLD_SIZE = 12 * 512 + 100;
export const FREE = { offset: 2048, length: 1024 };

const OLD_IMAGE = Uint8Array.from({ length: OLD_SIZE }, (_, i) => (i * 7 + (i >> 9)) % 251);

export function oldImage(): Uint8Array {
  return OLD_IMAGE.slice();
}

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

export interface Scenario {
  readonly name: string;
  readonly rules: Partial<CommitRules>;
  /** Old or new without any recovery, whenever it stops. */
  readonly safeByOrder: boolean;
  source(): CommitSource;
  readonly newImage: Uint8Array;
}

interface Parts {
  readonly fresh?: readonly (readonly [offset: number, bytes: Uint8Array])[];
  readonly overwrites?: readonly (readonly [offset: number, bytes: Uint8Array])[];
  readonly header?: Uint8Array;
  readonly newSize: number;
}

function scenario(name: string, safeByOrder: boolean, parts: Parts, rules: Partial<CommitRules> = {}): Scenario {
  const { fresh = [], overwrites = [], header, newSize } = parts;
  return {
    name,
    rules,
    safeByOrder,
    source: () => ({
      oldSize: OLD_SIZE,
      free: Ranges.of([FREE]),
      *fresh(out) {
        for (const [offset, bytes] of fresh) {
          out.write(offset, bytes, 'fresh');
          yield { what: 'fresh', done: offset, total: newSize };
        }
        if (out.size < newSize) out.resize(newSize);
      },
      final: () => ({
        overwrites: overwrites.map(([offset, bytes]) => ({ offset, bytes, what: 'overwrite' })),
        ...(header ? { header: { offset: 0, bytes: header, what: 'header' } } : {}),
        newSize,
      }),
    }),
    newImage: newImage(parts),
  };
}

function newImage({ fresh = [], overwrites = [], header, newSize }: Parts): Uint8Array {
  const image = new MemoryDevice(oldImage());
  for (const [offset, bytes] of [...fresh, ...overwrites]) image.write(offset, bytes);
  if (header) image.write(0, header);
  image.resize(newSize);
  return image.bytes();
}

const HEADER = filled(512, 0xee);
const APPENDED = [
  [8192, filled(1024, 0xa1)],
  [9216, filled(700, 0xa2)],
  [12_000, filled(512, 0xa3)],
] as const;

export const SCENARIOS: readonly Scenario[] = [
  scenario('one header sector over appended parts', true, { fresh: APPENDED, header: HEADER, newSize: 13_000 }),
  scenario('one header sector over parts in free space', true, {
    fresh: [[2100, filled(600, 0xb1)], ...APPENDED],
    header: HEADER,
    newSize: 12_512,
  }),
  scenario('one header sector and a shorter file', true, {
    fresh: [[2048, filled(1024, 0xb2)]],
    header: HEADER,
    newSize: 4000,
  }),
  scenario('parts that are written twice, and out of order', true, {
    fresh: [...APPENDED, [8192, filled(600, 0xb3)], [8000, filled(300, 0xb4)], [12_100, filled(100, 0xb5)]],
    header: HEADER,
    newSize: 12_512,
  }),
  scenario('overwrites all over', false, {
    fresh: APPENDED,
    overwrites: [
      [600, filled(8, 0xc1)],
      [1024, filled(1024, 0xc2)],
      [5000, filled(1200, 0xc3)],
    ],
    header: HEADER,
    newSize: 12_512,
  }),
  scenario('overwrites without a header, and a shorter file', false, {
    overwrites: [
      [0, filled(700, 0xd1)],
      [3072, filled(512, 0xd2)],
    ],
    newSize: 5000,
  }),
  scenario(
    'a raw disk that grows',
    false,
    { fresh: [[7000, filled(2000, 0xf1)]], newSize: 10_000 },
    { journal: 'always' },
  ),
  scenario('a file that is cut, no more', true, { newSize: 3000 }),
];

/** Whether a program that knows the old format finds all it knew: free space and bytes past the end are not its. */
export function isOld(bytes: Uint8Array): boolean {
  if (bytes.length < OLD_SIZE) return false;
  const end = FREE.offset + FREE.length;
  const same = (from: number, to: number): boolean =>
    Buffer.compare(bytes.subarray(from, to), OLD_IMAGE.subarray(from, to)) === 0;
  return same(0, FREE.offset) && same(end, OLD_SIZE);
}

/** Whether it begins with the whole new image. */
export function isNew(bytes: Uint8Array, { newImage }: Scenario): boolean {
  return bytes.length >= newImage.length && Buffer.compare(bytes.subarray(0, newImage.length), newImage) === 0;
}
