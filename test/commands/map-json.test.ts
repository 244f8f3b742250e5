/** `map --output=json`: the text of qemu-img, and the byte writer held to the plain one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXTENT_KINDS, type Extent, type ExtentKind } from '../../src/bytes/extents.ts';
import { runToEnd } from '../../src/bytes/progress.ts';
import { writeMapJson } from '../../src/commands/map-json.ts';
import { MemorySink } from '../../src/commands/sink.ts';
import type { MapView } from '../../src/commands/view.ts';
import { fakeImage } from './fake-image.ts';

const K = 65536;

function json(view: Partial<MapView> & Pick<MapView, 'chain'>, shortListing?: number): string {
  const sink = new MemorySink();
  const to = view.chain[0]?.size ?? 0;
  runToEnd(writeMapJson({ kind: 'map', from: 0, to, shape: 'list', ...view }, sink, shortListing));
  return sink.toString();
}

/** Runs with lengths and gaps as given, hosts far and wide. */
function extentsFrom(rows: readonly { kind: ExtentKind; length: number; host: number }[], unit: number): Extent[] {
  let guest = 0;
  return rows.map(({ kind, length, host }) => {
    const at = guest;
    guest += length * unit;
    const hasHost = ['data', 'zero-allocated', 'unallocated-allocated', 'encrypted'].includes(kind);
    return {
      kind,
      guest: at,
      length: length * unit,
      ...(hasHost ? { host: host * unit } : {}),
      ...(kind === 'invalid' ? { fault: 'it is "bad"' } : {}),
    };
  });
}

const rows = fc.array(
  fc.record({
    kind: fc.constantFrom(...EXTENT_KINDS),
    length: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2 ** 30 })),
    host: fc.oneof(
      fc.integer({ min: 0, max: 99 }),
      fc.maxSafeInteger().map((n) => Math.abs(n) % 2 ** 40),
    ),
  }),
  { minLength: 1, maxLength: 40 },
);

describe('map as JSON', () => {
  it('is the text of qemu-img 7.2, kind by kind', () => {
    const image = fakeImage(
      extentsFrom(
        [
          { kind: 'data', length: 2, host: 5 },
          { kind: 'unallocated', length: 1, host: 0 },
          { kind: 'zero', length: 1, host: 0 },
          { kind: 'zero-allocated', length: 1, host: 9 },
          { kind: 'unallocated-allocated', length: 1, host: 10 },
          { kind: 'compressed', length: 1, host: 0 },
          { kind: 'encrypted', length: 1, host: 11 },
        ],
        K,
      ),
      K,
    );
    expect(json({ chain: [image] })).toBe(
      `[{ "start": 0, "length": 131072, "depth": 0, "present": true, "zero": false, "data": true, "offset": 327680},
{ "start": 131072, "length": 65536, "depth": 0, "present": false, "zero": true, "data": false},
{ "start": 196608, "length": 65536, "depth": 0, "present": true, "zero": true, "data": false},
{ "start": 262144, "length": 65536, "depth": 0, "present": true, "zero": true, "data": false, "offset": 589824},
{ "start": 327680, "length": 65536, "depth": 0, "present": false, "zero": true, "data": false, "offset": 655360},
{ "start": 393216, "length": 131072, "depth": 0, "present": true, "zero": false, "data": true}]
`,
    );
  });

  it('an empty disk is one empty entry, as in qemu-img', () => {
    expect(json({ chain: [fakeImage([], K)] })).toBe(
      '[{ "start": 0, "length": 0, "depth": 0, "present": false, "zero": false, "data": false}]\n',
    );
  });

  it('looks through to the backing file, and says zero behind its end', () => {
    const top = fakeImage(extentsFrom([{ kind: 'unallocated', length: 4, host: 0 }], K), K);
    const base = fakeImage(
      extentsFrom(
        [
          { kind: 'data', length: 1, host: 3 },
          { kind: 'unallocated', length: 1, host: 0 },
        ],
        K,
      ),
      K,
    );
    expect(JSON.parse(json({ chain: [top, base] }))).toEqual([
      { start: 0, length: K, depth: 1, present: true, zero: false, data: true, offset: 3 * K },
      { start: K, length: K, depth: 1, present: false, zero: true, data: false },
      { start: 2 * K, length: 2 * K, depth: 0, present: false, zero: true, data: false },
    ]);
  });

  it('names a backing file that was not opened', () => {
    const top = fakeImage(
      extentsFrom(
        [
          { kind: 'data', length: 1, host: 3 },
          { kind: 'unallocated', length: 1, host: 0 },
        ],
        K,
      ),
      K,
    );
    expect(JSON.parse(json({ chain: [top], unopened: 'base "x"' }))).toEqual([
      { start: 0, length: K, depth: 0, present: true, zero: false, data: true, offset: 3 * K },
      { start: K, length: K, depth: 1, present: false, zero: false, data: false, backing: 'base "x"' },
    ]);
  });

  it('lists an invalid entry with its fault, and goes on', () => {
    const image = fakeImage(
      extentsFrom(
        [
          { kind: 'data', length: 1, host: 3 },
          { kind: 'invalid', length: 1, host: 0 },
          { kind: 'data', length: 1, host: 4 },
        ],
        K,
      ),
      K,
    );
    const sink = new MemorySink();
    const view: MapView = { kind: 'map', chain: [image], from: 0, to: image.size, shape: 'list' };
    expect(runToEnd(writeMapJson(view, sink))).toBe(1);
    expect(JSON.parse(sink.toString())).toMatchObject([
      { start: 0 },
      { start: K, fault: 'it is "bad"' },
      { start: 2 * K },
    ]);
  });

  it('the byte writer writes what the plain one writes', () => {
    fc.assert(
      fc.property(rows, fc.constantFrom(512, K, 2 ** 21), fc.integer({ min: 0, max: 6 }), (given, unit, short) => {
        const image = fakeImage(extentsFrom(given, unit), unit, 7);
        const plain = json({ chain: [image] }, Number.POSITIVE_INFINITY);
        expect(json({ chain: [image] }, short)).toBe(plain);
        const lines = JSON.parse(plain) as { start: number; length: number }[];
        let end = 0;
        for (const { start, length } of lines) {
          expect(start).toBe(end);
          end = start + length;
        }
        expect(end).toBe(image.size);
      }),
    );
  });

  it('a part of the list is the list, cut', () => {
    fc.assert(
      fc.property(
        rows,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, a, b) => {
          const image = fakeImage(extentsFrom(given, 512), 512);
          const [from, to] = [a, b].map((x) => Math.floor(x * image.size)).sort((x, y) => x - y) as [number, number];
          if (from === to) return;
          const part = JSON.parse(json({ chain: [image], from, to })) as {
            start: number;
            length: number;
            offset?: number;
          }[];
          const whole = JSON.parse(json({ chain: [image] })) as typeof part;
          expect(part[0]?.start).toBe(from);
          expect(part.reduce((sum, line) => sum + line.length, 0)).toBe(to - from);
          for (const line of part) {
            const of = whole.find((w) => line.start >= w.start && line.start < w.start + w.length);
            if (line.offset !== undefined) expect(line.offset - line.start).toBe((of?.offset ?? 0) - (of?.start ?? 0));
          }
        },
      ),
    );
  });
});
